"""Purposes, conditions and diseases of terms and grants, in plain words."""

from __future__ import annotations

import re
from typing import Final

from audit.data_use import ACTIVITIES, USES
from chain.messages import Purpose

_FIRST_ACT = 48  # bits below are DUO terms (chain.purposes)
_LARGEST = (1 << 24) - 1  # a disease is a uint24 on chain; MONDO writes seven digits

#: What a person reads beside the number, for diseases that this release has a model of; the
#: ontology itself (http://purl.obolibrary.org/obo/mondo.owl) names every other.
KNOWN_DISEASES: Final[dict[int, str]] = {
    5388: "primary biliary cholangitis",
    11382: "sickle cell disease",
}

_CONDITIONS: Final[dict[Purpose, str]] = {
    Purpose.RESEARCH_SPECIFIC: "only for the kind of research that the protocol names",
    Purpose.NO_METHOD_DEVELOPMENT: "not to develop methods",
    Purpose.GENETIC_STUDIES_ONLY: "only for genetic studies",
    Purpose.NOT_FOR_PROFIT_NON_COMMERCIAL: (
        "only by organisations that are not for profit, and for no commercial use"
    ),
    Purpose.PUBLICATION_REQUIRED: "only if the results are published",
    Purpose.COLLABORATION_REQUIRED: "only together with those who collected the data",
    Purpose.ETHICS_APPROVAL_REQUIRED: "only with an ethics board's approval",
    Purpose.GEOGRAPHICAL_RESTRICTION: "only within the region that the protocol names",
    Purpose.PUBLICATION_MORATORIUM: "no results published before the date in the protocol",
    Purpose.TIME_LIMIT: "only for a limited time",
    Purpose.USER_SPECIFIC: "only by the persons that the protocol names",
    Purpose.PROJECT_SPECIFIC: "only in this study",
    Purpose.INSTITUTION_SPECIFIC: "only by the institutions that the protocol names",
    Purpose.RETURN_REQUIRED: "only if what is derived is given back",
    Purpose.NO_ANCESTRY_RESEARCH: "not for research into origins or ancestry",
    Purpose.NOT_FOR_PROFIT: "only by organisations that are not for profit",
    Purpose.NON_COMMERCIAL: "for no commercial use",
}


def describe_purposes(purposes: int) -> list[str]:
    """What a map of bits allows, in words, with the DUO code where there is one."""
    conditions = sum(int(one) for one in _CONDITIONS)
    return [_named(bit) for bit in _bits(purposes & ~conditions)]


def describe_conditions(purposes: int) -> list[str]:
    """The conditions in a map of bits: what a grant demands, or terms undertake."""
    return [
        f"{words} (DUO:{one.bit_length() - 1:07d})"
        for one, words in _CONDITIONS.items()
        if purposes & one
    ]


def describe_disease(disease: int) -> str:
    """A MONDO number as people read it: MONDO:0005388, with its name where it is known here."""
    if disease == 0:
        return "none named"
    code = f"MONDO:{disease:07d}"
    return f"{KNOWN_DISEASES[disease]} ({code})" if disease in KNOWN_DISEASES else code


def parse_disease(text: str) -> int:
    """The number of a MONDO term such as MONDO:0005388. Raises ValueError."""
    found = re.fullmatch(r"MONDO:(\d{7})", text)
    if found is None or not 0 < int(found[1]) <= _LARGEST:
        raise ValueError(
            f"{text!r} is not a term of MONDO, such as MONDO:0005388 (primary biliary cholangitis);"
            " look it up at https://www.ebi.ac.uk/ols4/ontologies/mondo"
        )
    return int(found[1])


def purposes_named(names: list[str]) -> Purpose:
    """The bits of names such as `training` or `not-for-profit`. Raises ValueError."""
    found = Purpose(0)
    for name in names:
        try:
            found |= Purpose[name.upper().replace("-", "_")]
        except KeyError:
            known = ", ".join(one.name.lower().replace("_", "-") for one in Purpose if one.name)
            raise ValueError(f"no purpose {name!r}; there are {known}") from None
    return found


def uses_named(names: list[str]) -> Purpose:
    """As `purposes_named`, of uses and activities alone; a condition is refused by name."""
    for name in names:
        if not purposes_named([name]) & (USES | ACTIVITIES):
            raise ValueError(f"{name!r} is a condition, not a use: name it among the conditions")
    return purposes_named(names)


def _bits(purposes: int) -> list[int]:
    return [bit for bit in range(64) if purposes >> bit & 1]


def _named(bit: int) -> str:
    known = Purpose(1 << bit).name
    name = known.lower().replace("_", " ") if known else f"purpose {bit}"
    return name if bit >= _FIRST_ACT else f"{name} (DUO:{bit:07d})"
