// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Whether a patient's consent permits a use, in the terms of the Data Use Ontology
/// @notice Bit n of a bitmap is the term DUO:000000n, release 2021-02-23; bits 48 and 49 are this project's activities.
/// docs/purposes.md has the table and the reasons.
library DataUse {
    uint64 internal constant NO_RESTRICTION = 1 << 4;
    uint64 internal constant HEALTH_RESEARCH = 1 << 6;
    uint64 internal constant DISEASE_RESEARCH = 1 << 7;
    uint64 internal constant NO_METHODS = 1 << 15;
    uint64 internal constant NOT_FOR_PROFIT_NON_COMMERCIAL = 1 << 18;
    uint64 internal constant METHODS = 1 << 31;
    uint64 internal constant GENERAL_RESEARCH = 1 << 42;
    uint64 internal constant CLINICAL_CARE = 1 << 43;
    uint64 internal constant NO_ANCESTRY = 1 << 44;
    uint64 internal constant NOT_FOR_PROFIT = 1 << 45;
    uint64 internal constant NON_COMMERCIAL = 1 << 46;
    uint64 internal constant ACTIVITIES = 1 << 48 | 1 << 49;

    /// @dev POA, population research and ancestry research.
    uint64 internal constant ANCESTRY = 1 << 11 | 1 << 32 | 1 << 33;
    /// @dev What HMB covers: DS, and age, gender, control, biomedical, genetic, drug and disease category research.
    uint64 internal constant WITHIN_HEALTH =
        DISEASE_RESEARCH | 1 << 34 | 1 << 35 | 1 << 36 | 1 << 37 | 1 << 38 | 1 << 39 | 1 << 40;
    uint64 internal constant WITHIN_GENERAL = HEALTH_RESEARCH | WITHIN_HEALTH | ANCESTRY | METHODS;
    uint64 internal constant USES = NO_RESTRICTION | GENERAL_RESEARCH | WITHIN_GENERAL | CLINICAL_CARE;

    /// @dev Conditions that a study meets when it says so in its terms: RS, GSO, NPUNCU, PUB, COL, GS, MOR, US, IS, RTN,
    /// NPU and NCU.
    uint64 internal constant CONDITIONS = 1 << 12 | 1 << 16 | NOT_FOR_PROFIT_NON_COMMERCIAL | 1 << 19 | 1 << 20 | 1 << 22
        | 1 << 24 | 1 << 26 | 1 << 28 | 1 << 29 | NOT_FOR_PROFIT | NON_COMMERCIAL;
    /// @dev Conditions that every study here meets: IRB (k reviewers approve it), TS (each grant has a use period) and PS
    /// (a token is for one study).
    uint64 internal constant ALWAYS_MET = 1 << 21 | 1 << 25 | 1 << 27;
    uint64 internal constant KNOWN = USES | CONDITIONS | ALWAYS_MET | NO_METHODS | NO_ANCESTRY | ACTIVITIES;

    /// @notice Whether a bitmap has a bit, only bits that are in the table, and a disease exactly when it has DS.
    function isValid(uint64 purposes, uint24 disease) internal pure returns (bool) {
        return purposes != 0 && purposes & ~KNOWN == 0 && (purposes & DISEASE_RESEARCH != 0) == (disease != 0);
    }

    /// @notice Whether a consent permits what is asked. Every use and activity that is asked for must be covered, and every
    /// condition of the consent met. All of it is exact: no term of MONDO implies another.
    /// @param granted,grantedDisease the consent's purposes and MONDO number
    /// @param asked,askedDisease what a study does and which conditions it meets; nothing asked is not permitted
    function permits(uint64 granted, uint24 grantedDisease, uint64 asked, uint24 askedDisease)
        internal
        pure
        returns (bool)
    {
        uint64 covered = _covered(granted, grantedDisease == askedDisease);
        uint64 wanted = asked & ~(CONDITIONS | ALWAYS_MET | NO_METHODS | NO_ANCESTRY);
        return wanted != 0 && wanted & ~covered == 0 && granted & CONDITIONS & ~_met(asked) == 0
            && (granted & NO_METHODS == 0 || asked & METHODS == 0)
            && (granted & NO_ANCESTRY == 0 || asked & ANCESTRY == 0);
    }

    /// @dev The consent's uses with those that lie within them, and its activities.
    function _covered(uint64 granted, bool sameDisease) private pure returns (uint64 covered) {
        covered = granted & (USES | ACTIVITIES);
        if (!sameDisease) covered &= ~DISEASE_RESEARCH;
        if (granted & HEALTH_RESEARCH != 0) covered |= WITHIN_HEALTH;
        if (granted & GENERAL_RESEARCH != 0) covered |= WITHIN_GENERAL;
        if (granted & NO_RESTRICTION != 0) covered |= USES;
    }

    /// @dev NPUNCU is NPU and NCU together, however a study says it.
    function _met(uint64 asked) private pure returns (uint64 met) {
        uint64 both = NOT_FOR_PROFIT | NON_COMMERCIAL;
        met = asked;
        if (asked & NOT_FOR_PROFIT_NON_COMMERCIAL != 0) met |= both;
        if (asked & both == both) met |= NOT_FOR_PROFIT_NON_COMMERCIAL;
    }
}
