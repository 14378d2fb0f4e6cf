// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {Vm} from "@prb/test/src/Vm.sol";

import {IConsentToken} from "../interfaces/IConsentToken.sol";
import {IERC5192} from "../interfaces/IERC5192.sol";
import {IERC5484} from "../interfaces/IERC5484.sol";
import {IBars} from "../interfaces/IBars.sol";
import {IChallenges} from "../interfaces/IChallenges.sol";
import {IRollbacks} from "../interfaces/IRollbacks.sol";
import {IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {IRunningHash} from "../interfaces/IRunningHash.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";

/// @dev All that the deployed contracts answer to, more than one interface each.
interface DeployedRegistry is IStudyRegistry, IRunningHash {
    function authority() external view returns (address);
}

interface DeployedToken is IConsentToken, IERC721, IERC5192, IERC5484, IRunningHash {}

interface DeployedLedger is IRoundLedger, IBars, IChallenges, IRollbacks, IRunningHash {
    error LedgerTokenMismatch(address registry, address ledger);
}

/// @title Deploys the contracts from their artifacts
/// @dev Tests import interfaces only. So the contracts run as they are compiled for deployment, the tests themselves
/// need no optimizer, and a change in a contract compiles that contract alone.
/// Reading artifacts keeps Hardhat from replaying a failed test: its trace shows with `-vvvvv` only.
library Deployment {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @param authority who may record a successor
    function all(address authority)
        internal
        returns (DeployedRegistry registry_, DeployedToken token_, DeployedLedger ledger_)
    {
        registry_ = registry(authority);
        token_ = token(registry_, created(VM.getNonce(address(this)) + 1));
        ledger_ = ledger(registry_, token_);
    }

    /// @dev What the calling contract creates with a nonce below 128: the RLP encoding of the pair is then this short.
    function created(uint64 nonce) internal view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), uint8(nonce))))));
    }

    function registry(address authority) internal returns (DeployedRegistry) {
        return DeployedRegistry(_deploy("StudyRegistry.sol:StudyRegistry", abi.encode(authority)));
    }

    function token(DeployedRegistry registry_, address ledger_) internal returns (DeployedToken) {
        return DeployedToken(_deploy("ConsentToken.sol:ConsentToken", abi.encode(registry_, ledger_)));
    }

    function ledger(DeployedRegistry registry_, DeployedToken token_) internal returns (DeployedLedger) {
        return DeployedLedger(_deploy("RoundLedger.sol:RoundLedger", abi.encode(registry_, token_)));
    }

    /// @dev An AccessManager whose administrator is `admin`.
    function manager(address admin) internal returns (IAccessManager) {
        return IAccessManager(_deploy("AccessManager.sol:AccessManager", abi.encode(admin)));
    }

    function guardianAccounts(address token_) internal returns (address) {
        return _deploy("GuardianAccounts.sol:GuardianAccounts", abi.encode(token_));
    }

    function consortium(bytes[] memory members, uint64 threshold) internal returns (address) {
        return _deploy("Consortium.sol:Consortium", abi.encode(members, threshold));
    }

    /// @dev OpenZeppelin's verifier of P-256 keys.
    function passkeyVerifier() internal returns (address) {
        return _deploy("ERC7913P256Verifier.sol:ERC7913P256Verifier", "");
    }

    /// @dev An Origin by CREATE2; its maker is the calling contract.
    function origin(address authority, bytes32[3] memory codeHashes, bytes32 salt) internal returns (address made) {
        bytes memory creation = bytes.concat(VM.getCode("Origin.sol:Origin"), abi.encode(authority, codeHashes));
        assembly ("memory-safe") {
            made := create2(0, add(creation, 0x20), mload(creation), salt)
        }
    }

    /// @dev The deployer is the calling contract. Reverts as the constructor does.
    function _deploy(string memory artifact, bytes memory arguments) private returns (address deployed) {
        bytes memory creation = bytes.concat(VM.getCode(artifact), arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(creation, 0x20), mload(creation))
            if iszero(deployed) {
                let free := mload(0x40)
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }
}
