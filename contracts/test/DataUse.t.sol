// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DataUse} from "../DataUse.sol";
import {Actors} from "./Actors.t.sol";

/// @title The truth table of docs/purposes.md, and the laws behind it
contract DataUseTest is Actors {
    uint64 private constant TRAINING = 1 << 48;
    uint64 private constant EVALUATION = 1 << 49;
    uint64 private constant NRES = 1 << 4;
    uint64 private constant HMB = 1 << 6;
    uint64 private constant DS = 1 << 7;
    uint64 private constant POA = 1 << 11;
    uint64 private constant NMDS = 1 << 15;
    uint64 private constant NPUNCU = 1 << 18;
    uint64 private constant COL = 1 << 20;
    uint64 private constant IRB = 1 << 21;
    uint64 private constant TS = 1 << 25;
    uint64 private constant PS = 1 << 27;
    uint64 private constant METHODS = 1 << 31;
    uint64 private constant GRU = 1 << 42;
    uint64 private constant CC = 1 << 43;
    uint64 private constant NPOA = 1 << 44;
    uint64 private constant NPU = 1 << 45;
    uint64 private constant NCU = 1 << 46;
    uint24 private constant SCD = 11382;
    uint24 private constant PBC = 5388;

    function test_EveryUseAndActivityThatIsAskedForMustBeCovered() external {
        _yes(TRAINING, TRAINING);
        _no(TRAINING, EVALUATION);
        _no(TRAINING, TRAINING | EVALUATION);
        _yes(TRAINING | EVALUATION, EVALUATION);
        _no(HMB, HMB | TRAINING);
        _yes(HMB | TRAINING, HMB | TRAINING);
        _no(TRAINING, HMB | TRAINING);
        _no(TRAINING, 0);
        _no(TRAINING | COL, COL);
        _no(~uint64(0) & ~NMDS & ~NPOA, 1 << 50 | NPUNCU | COL);
    }

    function test_WiderUsesCoverWhatLiesWithinThem() external {
        uint64[8] memory withinHealth =
            [DS, uint64(1 << 34), 1 << 35, 1 << 36, 1 << 37, 1 << 38, 1 << 39, 1 << 40];
        for (uint256 i = 0; i < 8; ++i) {
            _yes(HMB, withinHealth[i]);
            _yes(GRU, withinHealth[i]);
            _yes(NRES, withinHealth[i]);
            _no(CC, withinHealth[i]);
        }
        uint64[5] memory withinGeneral = [HMB, POA, METHODS, uint64(1 << 32), 1 << 33];
        for (uint256 i = 0; i < 5; ++i) {
            _yes(GRU, withinGeneral[i]);
            _yes(NRES, withinGeneral[i]);
            if (withinGeneral[i] != HMB) _no(HMB, withinGeneral[i]);
        }
        _yes(NRES, GRU);
        _yes(NRES, CC);
        _no(GRU, CC);
        _no(GRU, NRES);
        _no(HMB, GRU);
        _no(NRES, TRAINING);
    }

    function test_DiseaseSpecificMeansThisDisease() external {
        assertTrue(DataUse.permits(DS, SCD, DS, SCD));
        assertFalse(DataUse.permits(DS, SCD, DS, PBC));
        assertTrue(DataUse.permits(HMB, 0, DS, PBC), "covered by a wider use");
        assertTrue(DataUse.permits(DS | HMB, SCD, DS, PBC), "the wider use is not narrowed");
        assertFalse(DataUse.permits(DS, SCD, HMB, 0));
        assertTrue(DataUse.permits(DS | TRAINING, SCD, TRAINING, PBC), "no disease is asked about");
    }

    function test_ConditionsMustBeMet() external {
        uint64[12] memory conditions = [
            uint64(1 << 12), 1 << 16, NPUNCU, 1 << 19, COL, 1 << 22, 1 << 24, 1 << 26, 1 << 28, 1 << 29, NPU, NCU
        ];
        for (uint256 i = 0; i < 12; ++i) {
            _no(TRAINING | conditions[i], TRAINING);
            _yes(TRAINING | conditions[i], TRAINING | conditions[i]);
            _yes(TRAINING, TRAINING | conditions[i]);
            for (uint256 j = 0; j < 12; ++j) {
                bool implied = conditions[j] == NPUNCU && (conditions[i] == NPU || conditions[i] == NCU);
                if (i != j && !implied) _no(TRAINING | conditions[i], TRAINING | conditions[j]);
            }
        }
        _yes(TRAINING | NPU | NCU, TRAINING | NPUNCU);
        _yes(TRAINING | NPUNCU, TRAINING | NPU | NCU);
        _no(TRAINING | NPUNCU, TRAINING | NPU);
        _no(TRAINING | NPUNCU, TRAINING | NCU);
    }

    function test_SomeConditionsEveryStudyHereMeets() external {
        _yes(TRAINING | IRB | TS | PS, TRAINING);
        _yes(TRAINING, TRAINING | IRB | TS | PS);
    }

    function test_ExclusionsForbidWhatTheyName() external {
        _no(GRU | NMDS, METHODS);
        _no(GRU | NMDS, HMB | METHODS);
        _yes(GRU | NMDS, HMB);
        uint64[3] memory ancestry = [POA, uint64(1 << 32), 1 << 33];
        for (uint256 i = 0; i < 3; ++i) {
            _no(GRU | NPOA, ancestry[i]);
            _no(GRU | NPOA, HMB | ancestry[i]);
        }
        _yes(GRU | NPOA, HMB);
        _yes(GRU | NPOA, METHODS);
        _yes(GRU | NMDS, POA);
    }

    function test_WhatABitmapMayHold() external {
        assertTrue(DataUse.isValid(TRAINING, 0));
        assertTrue(DataUse.isValid(DataUse.KNOWN, 1));
        assertFalse(DataUse.isValid(0, 0));
        assertFalse(DataUse.isValid(DS, 0));
        assertFalse(DataUse.isValid(TRAINING, 1));
        assertTrue(DataUse.isValid(DS, type(uint24).max));
        uint8[17] memory unknown = [0, 1, 2, 3, 5, 8, 9, 10, 13, 14, 17, 23, 30, 41, 47, 50, 63];
        for (uint256 i = 0; i < unknown.length; ++i) {
            assertFalse(DataUse.isValid(uint64(TRAINING | uint64(1) << unknown[i]), 0));
        }
    }

    /// A condition added to a consent never widens it, a use or activity added never narrows it, and declaring a condition
    /// never costs a study a consent.
    function testFuzz_BitsPullInOneDirection(uint64 granted, uint64 asked, uint8 bit, bool same) external {
        uint64 one = uint64(1) << bit % 64;
        uint24 disease = same ? SCD : PBC;
        bool before = DataUse.permits(granted, SCD, asked, disease);
        uint64 narrowing = DataUse.CONDITIONS | DataUse.NO_METHODS | DataUse.NO_ANCESTRY;
        if (one & narrowing != 0 && !before) assertFalse(DataUse.permits(granted | one, SCD, asked, disease));
        if (one & narrowing == 0 && before) assertTrue(DataUse.permits(granted | one, SCD, asked, disease));
        if (one & DataUse.CONDITIONS != 0 && before) assertTrue(DataUse.permits(granted, SCD, asked | one, disease));
    }

    function _yes(uint64 granted, uint64 asked) private {
        assertTrue(DataUse.permits(granted, SCD, asked, SCD));
    }

    function _no(uint64 granted, uint64 asked) private {
        assertFalse(DataUse.permits(granted, SCD, asked, SCD));
    }
}
