// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Zero-concentrated differential privacy of one round
/// @notice Bun and Steinke 2016, proposition 1.6: a Gaussian mechanism of noise multiplier sigma spends rho = 1 / (2 sigma^2).
/// The distributed discrete Gaussian comes close to it while each share's deviation is several grid steps (Kairouz, Liu
/// and Steinke 2021), for which one unit of 1e-18 is added.
library Zcdp {
    /// @notice rho in 1e-18, rounded up, plus the slack.
    /// @param noiseMultiplier sigma in millionths; not 0
    function rhoOfRound(uint64 noiseMultiplier) internal pure returns (uint256) {
        return Math.ceilDiv(1e18 * 1e12, 2 * uint256(noiseMultiplier) ** 2) + 1;
    }

    /// @notice Whether the noise of one of m - t sites, sigma * C / sqrt(m - t), is at least 4 grid steps.
    /// @param clippingNorm C in grid steps
    /// @param noiseSites m - t
    function isNoiseOnGrid(uint64 noiseMultiplier, uint64 clippingNorm, uint256 noiseSites)
        internal
        pure
        returns (bool)
    {
        return (uint256(noiseMultiplier) * clippingNorm) ** 2 >= 16 * 1e12 * noiseSites;
    }
}
