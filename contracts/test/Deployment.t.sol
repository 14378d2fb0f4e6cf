// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {Vm} from "@prb/test/src/Vm.sol";

import {IConsentToken} from "../interfaces/IConsentToken.sol";
import {IERC5192} from "../interfaces/IERC5192.sol";
import {IERC5484} from "../interfaces/IERC5484.sol";
import {IRoundLedger} from "../interfaces/IRoundLedger.sol";
import {IRunningHash} from "../interfaces/IRunningHash.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";

/// @dev All that the deployed contracts answer to, more than one interface each.
interface DeployedRegistry is IStudyRegistry, IRunningHash {}

interface DeployedToken is IConsentToken, IERC721, IERC5192, IERC5484, IRunningHash {
    function registry() external view returns (address);
}

interface DeployedLedger is IRoundLedger, IRunningHash {
    error LedgerRegistryMismatch(address registry, address registryOfToken);

    function registry() external view returns (address);
    function consentToken() external view returns (address);
}

/// @title Deploys the contracts from their artifacts
/// @dev Tests import interfaces only. So the contracts run as they are compiled for deployment, the tests themselves
/// need no optimizer, and a change in a contract compiles that contract alone.
/// Reading artifacts keeps Hardhat from replaying a failed test: its trace shows with `-vvvvv` only.
library Deployment {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function all() internal returns (DeployedRegistry registry_, DeployedToken token_, DeployedLedger ledger_) {
        registry_ = registry();
        token_ = token(registry_);
        ledger_ = ledger(registry_, token_);
    }

    function registry() internal returns (DeployedRegistry) {
        return DeployedRegistry(_deploy("StudyRegistry.sol:StudyRegistry", ""));
    }

    function token(DeployedRegistry registry_) internal returns (DeployedToken) {
        return DeployedToken(_deploy("ConsentToken.sol:ConsentToken", abi.encode(registry_)));
    }

    function ledger(DeployedRegistry registry_, DeployedToken token_) internal returns (DeployedLedger) {
        return DeployedLedger(_deploy("RoundLedger.sol:RoundLedger", abi.encode(registry_, token_)));
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
