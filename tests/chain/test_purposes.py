"""The names of purposes are those that docs/purposes.md lists."""

import re

from audit import data_use
from chain.compile import ROOT
from chain.messages import Purpose

TEXT = (ROOT / "docs" / "purposes.md").read_text(encoding="utf-8")


def bits_between(start: str, end: str) -> list[tuple[str, str]]:
    part = TEXT[TEXT.index(start) : TEXT.index(end)]
    return re.findall(r"^\| (\d+) \| (?:DUO:)?(\w+) \|", part, re.MULTILINE)


def test_every_documented_purpose_has_a_name_and_no_other() -> None:
    terms = bits_between("### Uses", "## Bits 48 to 63")
    acts = bits_between("## Bits 48 to 63", "Bits 50 to 63")
    assert terms
    assert all(len(number) == 7 and int(bit) == int(number) for bit, number in terms)
    documented = [int(bit) for bit, _ in terms + acts]
    assert sorted(documented) == sorted(purpose.bit_length() - 1 for purpose in map(int, Purpose))
    for bit, name in acts:
        assert Purpose[name] == 1 << int(bit)


def test_a_condition_is_met_as_the_verifier_says() -> None:
    part = TEXT[TEXT.index("### Conditions") : TEXT.index("That a study *says so*")]
    rows = re.findall(r"^\| (\d+) \| .* \| ([^|]+) \|$", part, re.MULTILINE)
    found = {"says": 0, "always": 0, "asked": 0}
    for bit, met in rows:
        kind = next(word for word in found if word in met)
        found[kind] |= 1 << int(bit)
    assert found == {
        "says": data_use.CONDITIONS,
        "always": data_use.ALWAYS_MET,
        "asked": data_use.EXCLUSIONS,
    }
    uses = sum(1 << int(bit) for bit, _ in bits_between("### Uses", "### Conditions"))
    assert uses == data_use.USES
