"""What data may be used for, and on which conditions: the 64-bit maps of terms and grants.

Bit n, n below 48, is the term DUO:000000n of the Data Use Ontology, release 2021-02-23
(http://purl.obolibrary.org/obo/duo.owl); from bit 48 on are the acts that a study distinguishes.
docs/purposes.md says what each does. Import it from `chain.messages`.
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

    RESEARCH_SPECIFIC = 1 << 12
    NO_METHOD_DEVELOPMENT = 1 << 15
    GENETIC_STUDIES_ONLY = 1 << 16
    NOT_FOR_PROFIT_NON_COMMERCIAL = 1 << 18
    PUBLICATION_REQUIRED = 1 << 19
    COLLABORATION_REQUIRED = 1 << 20
    ETHICS_APPROVAL_REQUIRED = 1 << 21
    GEOGRAPHICAL_RESTRICTION = 1 << 22
    PUBLICATION_MORATORIUM = 1 << 24
    TIME_LIMIT = 1 << 25
    USER_SPECIFIC = 1 << 26
    PROJECT_SPECIFIC = 1 << 27
    INSTITUTION_SPECIFIC = 1 << 28
    RETURN_REQUIRED = 1 << 29
    NO_ANCESTRY_RESEARCH = 1 << 44
    NOT_FOR_PROFIT = 1 << 45
    NON_COMMERCIAL = 1 << 46

    TRAINING = 1 << 48
    EVALUATION = 1 << 49
