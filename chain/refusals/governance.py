"""Custom errors about who runs a deployment: Consortium, and OpenZeppelin's AccessManager."""

from chain.light_dataclass import light_dataclass
from chain.refusals.base import ContractRefused
from chain.solidity import Address, Bytes4, Bytes32, Uint32, Uint64


@light_dataclass(eq=False)
class ConsortiumNotItself(ContractRefused):
    caller: Address
    says = "{caller} cannot change the consortium; its members execute the change together."


@light_dataclass(eq=False)
class QuorumNotReached(ContractRefused):
    says = (
        "Not enough distinct members signed exactly this. Check that all signed the same act with "
        "its current number, and collect more signatures."
    )


@light_dataclass(eq=False)
class QuorumTooSmall(ContractRefused):
    threshold: Uint64
    says = "A threshold of {threshold} would let one key act alone; use 2 or more."


@light_dataclass(eq=False)
class QuorumVerifierMissing(ContractRefused):
    verifier: Address
    says = "A signer names the verifier {verifier}, where no contract is; use the deployment's."


@light_dataclass(eq=False)
class AccessManagedUnauthorized(ContractRefused):
    caller: Address
    says = "{caller} may not do this; the deployment's consortium may, after its delay."


@light_dataclass(eq=False)
class AccessManagedRequiredDelay(ContractRefused):
    caller: Address
    delay: Uint32
    says = "{caller} must schedule this and wait {delay} s before doing it."


@light_dataclass(eq=False)
class AccessManagedInvalidAuthority(ContractRefused):
    authority: Address
    says = "There is no AccessManager at {authority}."


@light_dataclass(eq=False)
class AccessManagerAlreadyScheduled(ContractRefused):
    operation_id: Bytes32
    says = "Operation {operation_id} is scheduled already; wait for it, or cancel it first."


@light_dataclass(eq=False)
class AccessManagerNotScheduled(ContractRefused):
    operation_id: Bytes32
    says = "Operation {operation_id} is not scheduled; schedule it and wait."


@light_dataclass(eq=False)
class AccessManagerNotReady(ContractRefused):
    operation_id: Bytes32
    says = "The delay of operation {operation_id} is not over; wait."


@light_dataclass(eq=False)
class AccessManagerExpired(ContractRefused):
    operation_id: Bytes32
    says = "Operation {operation_id} was not done within a week of its delay; schedule it again."


@light_dataclass(eq=False)
class AccessManagerLockedRole(ContractRefused):
    role_id: Uint64
    says = "Role {role_id} cannot be changed so."


@light_dataclass(eq=False)
class AccessManagerLockedFunction(ContractRefused):
    selector: Bytes4
    says = "Function {selector} of the access manager cannot be given to another role."


@light_dataclass(eq=False)
class AccessManagerInvalidInitialAdmin(ContractRefused):
    initial_admin: Address
    says = "{initial_admin} cannot administer an access manager."


@light_dataclass(eq=False)
class AccessManagerBadConfirmation(ContractRefused):
    says = "An account can only renounce its own role, and confirms it with its own address."


@light_dataclass(eq=False)
class AccessManagerUnauthorizedAccount(ContractRefused):
    msgsender: Address
    role_id: Uint64
    says = "{msgsender} does not hold role {role_id}, which this takes."


@light_dataclass(eq=False)
class AccessManagerUnauthorizedCall(ContractRefused):
    caller: Address
    target: Address
    selector: Bytes4
    says = (
        "{caller} may not call {selector} of {target} now: it lacks the role, or has to schedule "
        "the call and wait out its delay."
    )


@light_dataclass(eq=False)
class AccessManagerUnauthorizedConsume(ContractRefused):
    target: Address
    says = "{target} does not ask for a scheduled operation to be used up now."


@light_dataclass(eq=False)
class AccessManagerUnauthorizedCancel(ContractRefused):
    msgsender: Address
    caller: Address
    target: Address
    selector: Bytes4
    says = (
        "{msgsender} may not cancel what {caller} scheduled, a call of {selector} of {target}; "
        "only who scheduled it, an administrator or the role's guardian may."
    )
