// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EnrolmentProof, Grant} from "../interfaces/IConsentToken.sol";
import {Commitment, Round, RoundState} from "../interfaces/IRoundLedger.sol";
import {LateRevocation, Study, Terms} from "../interfaces/IStudyRegistry.sol";
import {LedgerFixture} from "./LedgerFixture.t.sol";

/// @title Everyone who may act on a study, acting at random
/// @dev In a test file of its own name, because the invariant runner knows only contracts of such files.
/// Keeps its own account of what happened, from which the invariants are judged. An act that the contracts refuse
/// is simply refused; an act that they must not refuse, or must, is written down as a violation.
contract StudyHandler is LedgerFixture {
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
    mapping(uint256 tokenId => uint256) private _patientOf;
    mapping(address site => uint40) public firstMoveSinceCommit;
    /// The closed round whose checkpoint a round has to start from, by this contract's own account.
    mapping(uint32 round => uint32) public startsFrom;
    uint32[] private _lineage = [0];
    Withdrawal[] private _withdrawals;
    OldGrant[] private _oldGrants;
    uint256 private _patients = 1000;
    uint256 private _reviewersMade;
    uint256 private _aborts;
    mapping(bytes32 act => uint256) public done;
    string public violation;

    function setUp() public override {
        super.setUp();
        for (uint256 site = 0; site < SITES; ++site) {
            for (uint32 i = 0; i < PATIENTS_PER_SITE; ++i) {
                uint256 tokenId = token.tokenIdOf(studyId, hospitals[site].account, i);
                tokens.push(tokenId);
                _patientOf[tokenId] = PATIENTS_PER_SITE * site + i;
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
        _minted(_submit(grant_, patient), patient);
        ++done["grant"];
    }

    /// @dev A grant that was used before, with a fresh enrolment from its site: void once its holder has revoked.
    function replay(uint256 seed) external {
        if (_oldGrants.length == 0) return;
        OldGrant memory old = _oldGrants[seed % _oldGrants.length];
        EnrolmentProof memory proof = _proofOf(old.grant, old.patient);
        try token.grantBySig(old.grant, abi.encodePacked(old.grant.holder), old.signature, proof) {
            violation = "a grant was used twice";
        } catch {
            ++done["replay"];
        }
    }

    /// @dev A record comes back: after its revocation and the rounds it sits out, or because a version made it outdated.
    function comeBack(uint256 seed) external {
        uint256 old = tokens[seed % tokens.length];
        uint256 patient = _patientOf[old];
        uint256 site = _siteOf(address(uint160(old >> 32)));
        if (!registry.isUsable(studyId)) return;
        uint256 live = token.liveTokenOf(studyId, hospitals[site].account, bytes32(patient + 1));
        bool may = _mayComeBack(old);
        Grant memory grant_ = _grantOf(patient, site);
        EnrolmentProof memory proof = _proofOf(grant_, patient);
        vm.prank(grant_.holder);
        try token.grant(grant_, proof) returns (uint256 fresh) {
            if (!may) violation = "a record came back too early";
            _minted(fresh, patient);
            if (live != 0) _ended(live);
            ++done["comeBack"];
        } catch {
            if (may) violation = "a record was kept out";
        }
    }

    function revoke(uint256 seed, bool bySignature) external {
        uint256 tokenId = tokens[seed % tokens.length];
        if (revoked[tokenId]) return;
        address holder = token.consent(tokenId).holder;
        bool ok;
        if (bySignature) {
            bytes memory signature = _signRevocation(PATIENT_KEY + _patientOf[tokenId], tokenId);
            (ok,) = address(token).call(
                abi.encodeCall(token.revokeBySig, (tokenId, abi.encodePacked(holder), signature))
            );
        } else {
            vm.prank(holder);
            (ok,) = address(token).call(abi.encodeCall(token.revoke, (tokenId)));
        }
        if (!ok) violation = "a revocation was refused";
        _ended(tokenId);
        ++done["revoke"];
    }

    function open() external {
        vm.prank(_coordinator());
        uint32 number = ledger.open(studyId);
        Study memory study = registry.study(studyId);
        Round memory round = ledger.round(studyId, number);
        if (study.suspended || clock >= study.approvedUntil) violation = "opened without approval";
        if (round.closeDeadline >= study.approvedUntil) violation = "opened beyond the approval";
        if (_aborts >= registry.terms(studyId, round.version).maxChargedAborts) violation = "opened while paused";
        startsFrom[number] = newest();
        _tick(1);
        ++done["open"];
    }

    function commit(uint256 seed) external {
        _commitAt(seed % SITES, ledger.roundCount(studyId));
        _tick(1);
    }

    function commitAll() external {
        uint32 round = ledger.roundCount(studyId);
        for (uint256 site = 0; site < SITES; ++site) {
            address account = hospitals[site].account;
            if (ledger.isCurrent(studyId, round, account) || ledger.barredFor(studyId, account) != 0) continue;
            _commitAt(site, round);
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
        address[] memory members = ledger.members(studyId, number);
        for (uint256 i = 0; i < members.length; ++i) {
            _checkMember(number, members[i], _counts(round, terms));
            if (ledger.barredFor(studyId, members[i]) != 0) violation = "sealed a barred site";
        }
        if (members.length < terms.minSites) violation = "sealed with too few sites";
        if (ledger.rhoSpent(studyId) > terms.rhoCeiling) violation = "spent more than the ceiling";
        if (ledger.rhoSpent(studyId) != before + ledger.rhoOfRound(studyId, round.version)) violation = "charged wrongly";
        _checkVersion(round, "sealed on a suspended study or another version");
    }

    function close() external {
        uint32 number = ledger.roundCount(studyId);
        uint256 before = ledger.rhoSpent(studyId);
        _close(number);
        ++done["close"];
        Round memory round = ledger.round(studyId, number);
        Terms memory terms = registry.terms(studyId, round.version);
        address[] memory members = ledger.members(studyId, number);
        for (uint256 i = 0; i < members.length; ++i) {
            _checkMember(number, members[i], _counts(round, terms));
        }
        if (ledger.rhoSpent(studyId) != before) violation = "closing was charged";
        _checkVersion(round, "closed on a suspended study or another version");
        _lineage.push(number);
    }

    function abort(uint256 seed) external {
        uint32 number = ledger.roundCount(studyId);
        bool wasSealed = ledger.round(studyId, number).state == RoundState.Sealed;
        vm.prank(seed % 4 == 0 ? _coordinator() : _stranger());
        ledger.abort(studyId, number);
        if (wasSealed) ++_aborts;
        ++done["abort"];
    }

    /// @dev To any round: one that the next descends from, or another.
    function rollBack(uint256 seed) external {
        uint32 count = ledger.roundCount(studyId);
        RoundState state = ledger.round(studyId, count).state;
        uint32 toRound = uint32(seed % (count + 2));
        uint256 at = _lineage.length;
        while (at > 0 && _lineage[at - 1] != toRound) --at;
        bool may = at > 0 && at < _lineage.length && state != RoundState.Open && state != RoundState.Sealed;
        uint256 before = ledger.rhoSpent(studyId);
        bytes32 digest = _rollbackDigest(studyId, toRound, ledger.rollbacks(studyId));
        (bytes[] memory signers, bytes[] memory signatures) = _signedByTwo(digest);
        try ledger.rollBack(studyId, toRound, signers, signatures) {
            if (!may) violation = "went back to what is no ancestor, or while a round ran";
            while (_lineage.length > at) _lineage.pop();
            if (ledger.rhoSpent(studyId) != before) violation = "going back changed what was spent";
            ++done["rollBack"];
        } catch {
            if (may) violation = "could not go back";
        }
    }

    function recordDelivery(uint256 seed) external {
        uint32 number = ledger.roundCount(studyId);
        address account = hospitals[seed % SITES].account;
        bytes32 maskedHash = keccak256(abi.encode("masked", number, account));
        vm.prank(account);
        ledger.recordDelivery(studyId, number, maskedHash);
        ++done["recordDelivery"];
    }

    function bar(uint256 seed) external {
        uint32 number = ledger.lastSealed(studyId);
        address account = hospitals[seed % SITES].account;
        vm.prank(_coordinator());
        ledger.bar(studyId, number, account);
        if (ledger.deliveryOf(studyId, number, account) != 0) violation = "barred a site that delivered";
        if (ledger.round(studyId, number).state == RoundState.Closed) violation = "barred after a close";
        ++done["bar"];
    }

    function readmit(uint256 seed) external {
        _readmit(seed % SITES);
        ++done["readmit"];
    }

    /// @dev A reviewer asks, and the site answers or not.
    function challenge(uint256 seed) external {
        uint32 number = ledger.roundCount(studyId);
        uint256 site = seed % SITES;
        _challenge(number, site, 0, reviewerKeys[0]);
        if (seed / SITES % 2 == 0) {
            vm.prank(hospitals[site].account);
            ledger.answer(studyId, number, 0, "answer");
        } else {
            _tick(7 days);
            ledger.fault(studyId, number, hospitals[site].account, 0);
            if (ledger.barredFor(studyId, hospitals[site].account) != number) violation = "a fault did not bar";
        }
        ++done["challenge"];
    }

    function suspend(uint256 seed) external {
        if (seed % 4 != 0) return;
        _suspend();
        _aborts = 0;
    }

    function resume() external {
        _resume();
        ++done["resume"];
    }

    /// @dev A new version, looser or stricter. The ceiling may even fall below what was spent.
    function amend(uint256 seed) external {
        if (seed % 4 != 0) return;
        Terms memory terms = _terms();
        terms.lateRevocation = LateRevocation(seed / 4 % 2);
        terms.rhoCeiling = (seed / 8 % 8 + 1) * 0.03e18;
        terms.noiseMultiplier = 4_500_000 + uint64(seed / 64 % 3_000_000);
        terms.waitingRounds = uint16(seed / 128 % 3);
        terms.maxChargedAborts = uint16(seed / 512 % 3 + 1);
        _bringInForce(_proposeVersion(terms));
        ++done["amend"];
    }

    /// @dev Continuing review of the version in force, by some of the committee.
    function renew(uint256 seed) external {
        uint32 version = registry.study(studyId).currentVersion;
        uint40 before = registry.study(studyId).approvedUntil;
        _approveUntil(version, seed % 3, clock + uint40(seed / 3 % 366 days) + 1);
        if (registry.study(studyId).approvedUntil < before) violation = "an approval shortened another";
        ++done["renew"];
    }

    function replaceReviewer(uint256 seed) external {
        uint256 fresh = 0x4F00 + ++_reviewersMade;
        _replace(vm.addr(reviewerKeys[2]), vm.addr(fresh));
        reviewerKeys[2] = fresh;
        if (seed % 2 == 0) (reviewerKeys[0], reviewerKeys[2]) = (reviewerKeys[2], reviewerKeys[0]);
        ++done["replaceReviewer"];
    }

    /// @dev Withdrawals at a site up to the end of second `time`, by this contract's own account.
    function withdrawnBy(address site, uint40 time) public view returns (uint256 count) {
        for (uint256 i = 0; i < _withdrawals.length; ++i) {
            if (_withdrawals[i].site == site && _withdrawals[i].time <= time) ++count;
        }
    }

    /// @dev The closed round that the next one has to start from.
    function newest() public view returns (uint32) {
        return _lineage[_lineage.length - 1];
    }

    /// @dev Whether the next round has to descend from a round, by this contract's own account.
    function isInLineage(uint32 round) external view returns (bool) {
        for (uint256 i = 0; i < _lineage.length; ++i) {
            if (_lineage[i] == round) return true;
        }
        return false;
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

    function parts() external view returns (address, address, address, uint64) {
        return (address(registry), address(token), address(ledger), studyId);
    }

    function _commitAt(uint256 site, uint32 round) private {
        address account = hospitals[site].account;
        Commitment memory commitment = _commitmentOf(site, round);
        _commitAs(site, round, commitment);
        if (ledger.barredFor(studyId, account) != 0) violation = "a barred site committed";
        if (commitment.cohortSize > token.unburnedCount(studyId, account)) violation = "a cohort that is too large";
        firstMoveSinceCommit[account] = 0;
    }

    function _minted(uint256 tokenId, uint256 patient) private {
        tokens.push(tokenId);
        _patientOf[tokenId] = patient;
    }

    function _ended(uint256 tokenId) private {
        address site = address(uint160(tokenId >> 32));
        revoked[tokenId] = true;
        _withdrawals.push(Withdrawal(site, clock));
        if (firstMoveSinceCommit[site] == 0) firstMoveSinceCommit[site] = clock;
    }

    /// @dev By this contract's own reading of the rules: enough rounds opened after the revocation are over.
    function _mayComeBack(uint256 old) private view returns (bool) {
        Study memory study = registry.study(studyId);
        if (!revoked[old]) {
            return token.consent(old).version < study.consentVersion && token.consent(old).grantedAt < clock;
        }
        address site = address(uint160(old >> 32));
        for (uint256 i = 0; i < tokens.length; ++i) {
            bool sameRecord = _patientOf[tokens[i]] == _patientOf[old] && address(uint160(tokens[i] >> 32)) == site;
            if (sameRecord && tokens[i] > old) return _mayComeBack(tokens[i]);
        }
        uint40 revokedAt = token.consent(old).revokedAt;
        uint256 over = 0;
        for (uint32 n = 1; n <= ledger.roundCount(studyId); ++n) {
            Round memory round = ledger.round(studyId, n);
            bool ended = round.state == RoundState.Closed || round.state == RoundState.Aborted;
            if (ended && round.openedAt > revokedAt) ++over;
        }
        return revokedAt < clock && over >= registry.terms(studyId, study.currentVersion).waitingRounds;
    }

    /// @dev Up to when a withdrawal binds the round.
    function _counts(Round memory round, Terms memory terms) private view returns (uint40) {
        bool proceeds = terms.lateRevocation == LateRevocation.Proceed && clock >= round.commitDeadline;
        return proceeds ? round.commitDeadline : clock;
    }

    function _checkMember(uint32 number, address member, uint40 until) private {
        if (ledger.commitmentOf(studyId, number, member).epoch != withdrawnBy(member, until)) {
            violation = "sealed or closed over a withdrawal";
        }
    }

    function _checkVersion(Round memory round, string memory what) private {
        Study memory study = registry.study(studyId);
        if (study.suspended || study.currentVersion != round.version) violation = what;
    }
}
