"""What data may be used for: the 64-bit maps of terms and grants (docs/purposes.md).

Bit n, n below 48, is the term DUO:00000n of the Data Use Ontology
(http://purl.obolibrary.org/obo/duo.owl); from bit 48 on are the acts that a study distinguishes.
Import it from `chain.messages`.
"""

from enum import IntFlag


class Purpose(IntFlag):
    """Named bits; a member's value is its bit."""

    NO_RESTRICTION = 1 << 4
    HEALTH_RESEARCH = 1 << 6
    DISEASE_SPECIFIC_RESEARCH = 1 << 7
    POPULATION_ORIGINS_OR_ANCESTRY = 1 << 11
    METHOD_DEVELOPMENT = 1 << 31
    POPULATION_RESEARCH = 1 << 32
    ANCESTRY_RESEARCH = 1 << 33
    AGE_CATEGORY_RESEARCH = 1 << 34
    GENDER_CATEGORY_RESEARCH = 1 << 35
    RESEARCH_CONTROL = 1 << 36
    BIOMEDICAL_RESEARCH = 1 << 37
    GENETIC_RESEARCH = 1 << 38
    DRUG_DEVELOPMENT = 1 << 39
    DISEASE_CATEGORY_RESEARCH = 1 << 40
    GENERAL_RESEARCH = 1 << 42
    CLINICAL_CARE = 1 << 43
    TRAINING = 1 << 48
    EVALUATION = 1 << 49
