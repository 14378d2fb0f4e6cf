// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DataUse} from "./DataUse.sol";
import {IStudyRegistry, LateRevocation, Site, Terms} from "./interfaces/IStudyRegistry.sol";
import {Zcdp} from "./Zcdp.sol";

/// @title What terms may say, and which changes need fresh consent
library TermsRules {
    /// @notice Reverts with RegistryTermsInvalid and the name of the first member that is not acceptable.
    /// @param registered the sites of the registry
    function check(Terms calldata terms, mapping(address => Site) storage registered) internal view {
        _require(terms.protocolHash != 0, "protocolHash");
        _require(terms.consentTextHash != 0, "consentTextHash");
        _require(terms.dpiaHash != 0, "dpiaHash");
        _require(terms.appHash != 0, "appHash");
        _require(terms.recipeHash != 0, "recipeHash");
        _require(terms.initialCheckpoint != 0, "initialCheckpoint");
        _require(DataUse.isValid(terms.purposes, terms.disease), "purposes");
        _require(terms.coordinator != address(0), "coordinator");
        _require(terms.minCohort != 0, "minCohort");
        _require(terms.minSites >= uint256(terms.toleratedColluders) + 2, "minSites");
        _checkSites(terms.sites, terms.minSites, registered);
        _require(terms.vectorLength != 0, "vectorLength");
        // A float64 holds every integer up to 2^53, so a finer grid could not be decoded exactly.
        _require(terms.fractionBits <= 52, "fractionBits");
        // So that 2^22 patients, each at the bound in one number, cannot overflow a sum of 64 bits with a sign.
        _require(terms.clippingNorm != 0 && terms.clippingNorm <= 1 << 40, "clippingNorm");
        uint256 noiseSites = uint256(terms.minSites) - terms.toleratedColluders;
        _require(
            terms.noiseMultiplier != 0
                && Zcdp.isNoiseOnGrid(terms.noiseMultiplier, terms.clippingNorm, noiseSites),
            "noiseMultiplier"
        );
        _require(terms.delta != 0 && terms.delta < 1e18, "delta");
        _require(Zcdp.rhoOfRound(terms.noiseMultiplier) <= terms.rhoCeiling, "rhoCeiling");
        _require(terms.commitSeconds != 0, "commitSeconds");
        _require(terms.sealSeconds != 0, "sealSeconds");
        _require(terms.deliverySeconds != 0, "deliverySeconds");
        _require(terms.closeSeconds != 0, "closeSeconds");
        _require(terms.challengeSeconds != 0, "challengeSeconds");
        _require(terms.answerSeconds != 0, "answerSeconds");
        _require(terms.maxChargedAborts != 0, "maxChargedAborts");
    }

    /// @notice Whether `next` promises patients less than `current`, apart from its sites.
    function isLooser(Terms storage current, Terms storage next) internal view returns (bool) {
        return (current.lateRevocation == LateRevocation.Abandon && next.lateRevocation == LateRevocation.Proceed)
            || next.rhoCeiling > current.rhoCeiling || next.delta > current.delta || next.appHash != current.appHash
            || next.recipeHash != current.recipeHash || next.challengeSeconds < current.challengeSeconds
            || next.answerSeconds > current.answerSeconds;
    }

    function _checkSites(address[] calldata sites, uint16 minSites, mapping(address => Site) storage registered)
        private
        view
    {
        _require(sites.length >= minSites, "sites");
        address previous = address(0);
        for (uint256 i = 0; i < sites.length; ++i) {
            _require(sites[i] > previous && registered[sites[i]].registeredAt != 0, "sites");
            previous = sites[i];
        }
    }

    function _require(bool holds, string memory field) private pure {
        if (!holds) revert IStudyRegistry.RegistryTermsInvalid(field);
    }
}
