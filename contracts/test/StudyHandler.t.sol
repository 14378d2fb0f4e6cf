// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Enrolment, Grant} from "../interfaces/IConsentToken.sol";
import {Round, RoundState} from "../interfaces/IRoundLedger.sol";
import {LateRevocation, Terms} from "../interfaces/IStudyRegistry.sol";
import {DeployedLedger, DeployedRegistry, DeployedToken} from "./Deployment.t.sol";
import {RoundFixture} from "./RoundFixture.t.sol";

/// @title Everyone who may act on a study, acting at random
/// @dev In a test file of its own name, because the invariant runner knows only contracts of such files.
/// Keeps its own account of what happened, from which the invariants are judged. An act that the contracts refuse
/// is simply refused; an act that they must not refuse, or must, is written down as a violation.
contract StudyHandler is RoundFixture {
    struct Withdrawal {
        address site;
        uint40 time;
    }

    struct OldGrant {
        Grant grant;
        uint256 patient;
        bytes signature;
    }

    uint256[] public tokens;
    mapping(uint256 tokenId => bool) public revoked;
    Withdrawal[] private _withdrawals;
    OldGrant[] private _oldGrants;
    uint256 private _patients = 1000;
    mapping(bytes32 act => uint256) public done;
    string public violation;

    function setUp() public override {
        super.setUp();
        for (uint256 site = 0; site < SITES; ++site) {
            for (uint32 i = 0; i < PATIENTS_PER_SITE; ++i) {
                tokens.push(token.tokenIdOf(studyId, hospitals[site].account, i));
            }
        }
    }

    function pass(uint256 seed) external {
        _tick(uint40(seed % 250));
    }

    function grant(uint256 seed) external {
        if (!registry.isUsable(studyId)) return;
        uint256 patient = ++_patients;
        Grant memory grant_ = _grantOf(patient, seed % SITES);
        grant_.deadline = clock + 30 days;
        _oldGrants.push(OldGrant(grant_, patient, _signGrant(PATIENT_KEY + patient, grant_)));
        tokens.push(_submit(grant_, patient));
    }

    /// @dev A grant that was used before, with a fresh enrolment from its site: void once its holder has revoked.
    function replay(uint256 seed) external {
        if (_oldGrants.length == 0) return;
        OldGrant memory old = _oldGrants[seed % _oldGrants.length];
        Enrolment memory enrolment = _enrolmentOf(old.grant, old.patient);
        bytes memory enrolled = _signEnrolment(hospitals[_siteOf(old.grant.site)].enrolmentKey, enrolment);
        try token.grantBySig(old.grant, abi.encodePacked(old.grant.holder), old.signature, enrolment, enrolled) {
            violation = "a grant was used twice";
        } catch {
            ++done["replay"];
        }
    }

    function revoke(uint256 seed, bool bySignature) external {
        uint256 tokenId = tokens[seed % tokens.length];
        if (revoked[tokenId]) return;
        address holder = token.consent(tokenId).holder;
        bool ok;
        if (bySignature) {
            bytes memory signature = _signRevocation(_patientKeyOf(holder), tokenId);
            (ok,) = address(token).call(
                abi.encodeCall(token.revokeBySig, (tokenId, abi.encodePacked(holder), signature))
            );
        } else {
            vm.prank(holder);
            (ok,) = address(token).call(abi.encodeCall(token.revoke, (tokenId)));
        }
        if (!ok) violation = "a revocation was refused";
        revoked[tokenId] = true;
        _withdrawals.push(Withdrawal(address(uint160(tokenId >> 32)), clock));
        ++done["revoke"];
    }

    function open() external {
        vm.prank(_coordinator());
        ledger.open(studyId);
        _tick(1);
        ++done["open"];
    }

    function commit(uint256 seed) external {
        _commit(seed % SITES, ledger.roundCount(studyId));
        _tick(1);
    }

    function commitAll() external {
        uint32 round = ledger.roundCount(studyId);
        for (uint256 site = 0; site < SITES; ++site) {
            if (!ledger.isCurrent(studyId, round, hospitals[site].account)) _commit(site, round);
        }
        _tick(1);
    }

    function seal() external {
        uint32 number = ledger.roundCount(studyId);
        uint256 before = ledger.rhoSpent(studyId);
        vm.prank(_coordinator());
        ledger.seal(studyId, number);
        ++done["seal"];
        Round memory round = ledger.round(studyId, number);
        Terms memory terms = registry.terms(studyId, round.version);
        bool proceeds = terms.lateRevocation == LateRevocation.Proceed && clock >= round.commitDeadline;
        address[] memory members = ledger.members(studyId, number);
        for (uint256 i = 0; i < members.length; ++i) {
            uint256 withdrawn = withdrawnBy(members[i], proceeds ? round.commitDeadline : clock);
            if (ledger.commitmentOf(studyId, number, members[i]).epoch != withdrawn) {
                violation = "sealed over a withdrawal";
            }
        }
        if (members.length < terms.minSites) violation = "sealed with too few sites";
        if (ledger.rhoSpent(studyId) > terms.rhoCeiling) violation = "spent more than the ceiling";
        if (ledger.rhoSpent(studyId) <= before) violation = "sealed for nothing";
        if (registry.study(studyId).suspended) violation = "sealed while suspended";
    }

    function close() external {
        _close(ledger.roundCount(studyId));
        ++done["close"];
    }

    function abort(uint256 seed) external {
        uint32 round = ledger.roundCount(studyId);
        vm.prank(seed % 4 == 0 ? _coordinator() : _stranger());
        ledger.abort(studyId, round);
        ++done["abort"];
    }

    function suspend(uint256 seed) external {
        if (seed % 4 == 0) _suspend();
    }

    function resume() external {
        _resume();
    }

    /// @dev A new version, looser or stricter. The ceiling may even fall below what was spent.
    function amend(uint256 seed) external {
        if (seed % 4 != 0) return;
        Terms memory terms = _terms();
        terms.lateRevocation = LateRevocation(seed / 4 % 2);
        terms.rhoCeiling = (seed / 8 % 8 + 1) * 0.03e18;
        terms.noiseMultiplier = 4_500_000 + uint64(seed / 64 % 3_000_000);
        _bringInForce(_proposeVersion(terms));
        ++done["amend"];
    }

    /// @dev Withdrawals at a site up to the end of second `time`, by this contract's own account.
    function withdrawnBy(address site, uint40 time) public view returns (uint256 count) {
        for (uint256 i = 0; i < _withdrawals.length; ++i) {
            if (_withdrawals[i].site == site && _withdrawals[i].time <= time) ++count;
        }
    }

    function tokenCount() external view returns (uint256) {
        return tokens.length;
    }

    function now_() external view returns (uint40) {
        return clock;
    }

    function siteAt(uint256 i) external view returns (address) {
        return hospitals[i].account;
    }

    function parts() external view returns (DeployedRegistry, DeployedToken, DeployedLedger, uint64) {
        return (registry, token, ledger, studyId);
    }

    function _patientKeyOf(address holder) private view returns (uint256) {
        for (uint256 n = 0; n < SITES * PATIENTS_PER_SITE; ++n) {
            if (_patient(n) == holder) return PATIENT_KEY + n;
        }
        for (uint256 n = 1000; n <= _patients; ++n) {
            if (_patient(n) == holder) return PATIENT_KEY + n;
        }
        revert("no such patient");
    }
}
