"""Whether a consent permits a use, as contracts/DataUse.sol says it (docs/purposes.md). Pure."""

from __future__ import annotations

from chain.messages import Purpose

# Plain integers: operators of an IntFlag take microseconds, and a verifier asks very often.
_NO_RESTRICTION = int(Purpose.NO_RESTRICTION)
_GENERAL = int(Purpose.GENERAL_RESEARCH)
_HEALTH = int(Purpose.HEALTH_RESEARCH)
_DISEASE = int(Purpose.DISEASE_SPECIFIC_RESEARCH)
_METHODS = int(Purpose.METHOD_DEVELOPMENT)
_NO_METHODS = int(Purpose.NO_METHOD_DEVELOPMENT)
_NO_ANCESTRY = int(Purpose.NO_ANCESTRY_RESEARCH)
_BOTH_SAID = int(Purpose.NOT_FOR_PROFIT_NON_COMMERCIAL)
_BOTH = int(Purpose.NOT_FOR_PROFIT | Purpose.NON_COMMERCIAL)

ACTIVITIES = int(Purpose.TRAINING | Purpose.EVALUATION)
ANCESTRY = int(
    Purpose.POPULATION_ORIGINS_OR_ANCESTRY | Purpose.POPULATION_RESEARCH | Purpose.ANCESTRY_RESEARCH
)
WITHIN_HEALTH = int(
    Purpose.DISEASE_SPECIFIC_RESEARCH
    | Purpose.AGE_CATEGORY_RESEARCH
    | Purpose.GENDER_CATEGORY_RESEARCH
    | Purpose.RESEARCH_CONTROL
    | Purpose.BIOMEDICAL_RESEARCH
    | Purpose.GENETIC_RESEARCH
    | Purpose.DRUG_DEVELOPMENT
    | Purpose.DISEASE_CATEGORY_RESEARCH
)
WITHIN_GENERAL = _HEALTH | WITHIN_HEALTH | ANCESTRY | _METHODS
USES = _NO_RESTRICTION | _GENERAL | WITHIN_GENERAL | int(Purpose.CLINICAL_CARE)
#: Met by a study whose terms say so.
CONDITIONS = int(
    Purpose.RESEARCH_SPECIFIC
    | Purpose.GENETIC_STUDIES_ONLY
    | Purpose.NOT_FOR_PROFIT_NON_COMMERCIAL
    | Purpose.PUBLICATION_REQUIRED
    | Purpose.COLLABORATION_REQUIRED
    | Purpose.GEOGRAPHICAL_RESTRICTION
    | Purpose.PUBLICATION_MORATORIUM
    | Purpose.USER_SPECIFIC
    | Purpose.INSTITUTION_SPECIFIC
    | Purpose.RETURN_REQUIRED
    | Purpose.NOT_FOR_PROFIT
    | Purpose.NON_COMMERCIAL
)
#: Met by every study here.
ALWAYS_MET = int(Purpose.ETHICS_APPROVAL_REQUIRED | Purpose.TIME_LIMIT | Purpose.PROJECT_SPECIFIC)
#: Met by what a study does not ask for.
EXCLUSIONS = _NO_METHODS | _NO_ANCESTRY
KNOWN = USES | CONDITIONS | ALWAYS_MET | EXCLUSIONS | ACTIVITIES


def is_valid(purposes: int, disease: int) -> bool:
    """Whether terms or a grant may have this map: a bit, known bits only, a disease just with DS.

    ``purposes`` is a map of 64 bits, ``disease`` a MONDO number (0: none).
    """
    specific = bool(purposes & _DISEASE)
    return purposes != 0 and purposes & ~KNOWN == 0 and specific == (disease != 0)


def permits(granted: int, granted_disease: int, asked: int, asked_disease: int) -> bool:
    """Whether a consent to ``granted`` permits a study that does and meets what ``asked`` says.

    The first two are a grant's map and MONDO number; ``asked`` has what a study does and which
    conditions it meets, ``asked_disease`` what it is about. Nothing asked is not permitted.
    """
    granted, asked = int(granted), int(asked)
    covered = _covered(granted, granted_disease == asked_disease)
    wanted = asked & ~(CONDITIONS | ALWAYS_MET | EXCLUSIONS)
    return (
        wanted != 0
        and wanted & ~covered == 0
        and granted & CONDITIONS & ~_met(asked) == 0
        and not (granted & _NO_METHODS and asked & _METHODS)
        and not (granted & _NO_ANCESTRY and asked & ANCESTRY)
    )


def _covered(granted: int, same_disease: bool) -> int:
    """The grant's uses with those that lie within them, and its activities."""
    covered = granted & (USES | ACTIVITIES)
    if not same_disease:
        covered &= ~_DISEASE
    if granted & _HEALTH:
        covered |= WITHIN_HEALTH
    if granted & _GENERAL:
        covered |= WITHIN_GENERAL
    if granted & _NO_RESTRICTION:
        covered |= USES
    return covered


def _met(asked: int) -> int:
    """NPUNCU is NPU and NCU together, however a study says it."""
    met = asked
    if asked & _BOTH_SAID:
        met |= _BOTH
    if asked & _BOTH == _BOTH:
        met |= _BOTH_SAID
    return met
