// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Grant} from "../interfaces/IConsentToken.sol";
import {ConsentFixture} from "./ConsentFixture.t.sol";

/// @title The page and the predicate are one rule
/// @dev Twenty tokens at one site: every third is for evaluation alone, every fourth ends in an hour.
contract ConsentPagesTest is ConsentFixture {
    uint64 private constant EVALUATION = 1 << 49;
    uint32 private constant COUNT = 20;

    address private _site;

    function setUp() public override {
        super.setUp();
        _site = hospitals[0].account;
        for (uint256 n = 0; n < COUNT; ++n) {
            Grant memory grant = _grantOf(n, 0);
            if (n % 3 == 0) (grant.purposes, grant.disease) = (EVALUATION, 0);
            if (n % 4 == 0) grant.useEnd = clock + 1 hours;
            _submit(grant, n);
        }
    }

    /// Whatever was revoked, whatever is asked, and however it is paged: ascending, none left out, none too many.
    function testFuzz_PagesHoldExactlyTheActiveTokens(uint32 revoked, bool late, bool evaluation, uint32 pageSize)
        external
    {
        uint64 asked = evaluation ? EVALUATION : PURPOSES;
        for (uint32 n = 0; n < COUNT; n += 3) {
            if (revoked >> n & 1 == 1) _revoke(token.tokenIdOf(studyId, _site, n));
        }
        if (late) _tick(1 hours);
        uint32 from = 0;
        uint32 seen = 0;
        do {
            (uint32[] memory indices, uint32 next) =
                token.activeTokens(studyId, _site, asked, clock, from, pageSize % 40);
            for (uint256 i = 0; i < indices.length; ++i) {
                assertTrue(indices[i] >= from && indices[i] < (next == 0 ? COUNT : next));
                assertTrue(i == 0 || indices[i] > indices[i - 1]);
                assertTrue(token.isConsentActive(token.tokenIdOf(studyId, _site, indices[i]), asked, clock));
                ++seen;
            }
            from = next;
        } while (from != 0);
        assertEq(uint256(seen), _expected(revoked, late, evaluation));
    }

    /// @dev By this contract's own account of who was granted what.
    function _expected(uint32 revoked, bool late, bool evaluation) private pure returns (uint256 count) {
        for (uint256 n = 0; n < COUNT; ++n) {
            bool ended = n % 3 == 0 && revoked >> n & 1 == 1;
            if ((n % 3 == 0) == evaluation && !ended && !(late && n % 4 == 0)) ++count;
        }
    }
}
