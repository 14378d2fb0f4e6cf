"""Whether a consent permits a use, as contracts/DataUse.sol says it (docs/purposes.md). Pure."""

from __future__ import annotations

from chain.messages import Purpose

ACTIVITIES = Purpose.TRAINING | Purpose.EVALUATION
ANCESTRY = (
    Purpose.POPULATION_ORIGINS_OR_ANCESTRY | Purpose.POPULATION_RESEARCH | Purpose.ANCESTRY_RESEARCH
)
WITHIN_HEALTH = (
    Purpose.DISEASE_SPECIFIC_RESEARCH
    | Purpose.AGE_CATEGORY_RESEARCH
    | Purpose.GENDER_CATEGORY_RESEARCH
    | Purpose.RESEARCH_CONTROL
    | Purpose.BIOMEDICAL_RESEARCH
    | Purpose.GENETIC_RESEARCH
    | Purpose.DRUG_DEVELOPMENT
    | Purpose.DISEASE_CATEGORY_RESEARCH
)
WITHIN_GENERAL = Purpose.HEALTH_RESEARCH | WITHIN_HEALTH | ANCESTRY | Purpose.METHOD_DEVELOPMENT
USES = Purpose.NO_RESTRICTION | Purpose.GENERAL_RESEARCH | WITHIN_GENERAL | Purpose.CLINICAL_CARE
#: Met by a study whose terms say so.
CONDITIONS = (
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
ALWAYS_MET = Purpose.ETHICS_APPROVAL_REQUIRED | Purpose.TIME_LIMIT | Purpose.PROJECT_SPECIFIC
#: Conditions that a study keeps by what it does not ask for.
EXCLUSIONS = Purpose.NO_METHOD_DEVELOPMENT | Purpose.NO_ANCESTRY_RESEARCH
KNOWN = USES | CONDITIONS | ALWAYS_MET | EXCLUSIONS | ACTIVITIES


def is_valid(purposes: int, disease: int) -> bool:
    """Whether terms or a grant may have this map: a bit, known bits only, a disease just with DS.

    ``purposes`` is a map of 64 bits, ``disease`` a MONDO number (0: none).
    """
    specific = bool(purposes & Purpose.DISEASE_SPECIFIC_RESEARCH)
    return purposes != 0 and purposes & ~int(KNOWN) == 0 and specific == (disease != 0)


def permits(granted: int, granted_disease: int, asked: int, asked_disease: int) -> bool:
    """Whether a consent to ``granted`` permits a study that does and meets what ``asked`` says.

    The first two are a grant's map and MONDO number; ``asked`` has what a study does and which
    conditions it meets, ``asked_disease`` what it is about. Nothing asked is not permitted.
    """
    covered = _covered(granted, granted_disease == asked_disease)
    wanted = asked & ~int(CONDITIONS | ALWAYS_MET | EXCLUSIONS)
    return (
        wanted != 0
        and wanted & ~covered == 0
        and granted & int(CONDITIONS) & ~_met(asked) == 0
        and not (granted & Purpose.NO_METHOD_DEVELOPMENT and asked & Purpose.METHOD_DEVELOPMENT)
        and not (granted & Purpose.NO_ANCESTRY_RESEARCH and asked & ANCESTRY)
    )


def _covered(granted: int, same_disease: bool) -> int:
    """The grant's uses with those that lie within them, and its activities."""
    covered = granted & int(USES | ACTIVITIES)
    if not same_disease:
        covered &= ~int(Purpose.DISEASE_SPECIFIC_RESEARCH)
    if granted & Purpose.HEALTH_RESEARCH:
        covered |= int(WITHIN_HEALTH)
    if granted & Purpose.GENERAL_RESEARCH:
        covered |= int(WITHIN_GENERAL)
    if granted & Purpose.NO_RESTRICTION:
        covered |= int(USES)
    return covered


def _met(asked: int) -> int:
    """NPUNCU is NPU and NCU together, however a study says it."""
    both = int(Purpose.NOT_FOR_PROFIT | Purpose.NON_COMMERCIAL)
    met = asked
    if asked & Purpose.NOT_FOR_PROFIT_NON_COMMERCIAL:
        met |= both
    if asked & both == both:
        met |= int(Purpose.NOT_FOR_PROFIT_NON_COMMERCIAL)
    return met
