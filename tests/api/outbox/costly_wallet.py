"""An account with code (ERC-1271) that agrees to everything, as dearly as its balance says."""

from __future__ import annotations

import dataclasses

from chain.messages import Grant, signer_of_account
from chain.signed_act import SignedAct
from tests.api.outbox.acts import Patients, rpc
from tests.api.runtime_code import deploy_runtime
from tests.world import World

#: Gas for each wei of its balance.
GAS_A_WEI = 26
# isValidSignature(...): counts its balance down to zero, then returns 0x1626ba7e.
_RUNTIME = (
    "47"  # selfbalance
    "5b6001900380600157"  # jumpdest 1: minus one, and again unless it is zero
    "631626ba7e60e01b60005260206000f3"  # the selector, as bytes4
)
# isValidSignature(...): 0x1626ba7e with a balance, or in transactions that another account sends.
_TWO_FACED = "73{carrier}32141547171515631626ba7e60e01b0260005260206000f3"


def deploy_two_faced_wallet(world: World, carrier: str) -> str:
    """Agrees to everything until its balance is taken; then to nothing that `carrier` sends."""
    return _deploy(world, _TWO_FACED.format(carrier=carrier[2:].lower()))


def deploy_costly_wallet(world: World) -> str:
    """Its address; it costs nothing until `take_gas`."""
    return _deploy(world, _RUNTIME)


def _deploy(world: World, runtime: str) -> str:
    wallet = deploy_runtime(world, runtime)
    take_gas(world, wallet, GAS_A_WEI)
    return wallet


def take_gas(world: World, wallet: str, gas: int) -> None:
    """From now on its answer takes so much gas, about."""
    rpc(world, "hardhat_setBalance", wallet, hex(gas // GAS_A_WEI))


def grant_of(patients: Patients, wallet: str) -> SignedAct:
    """A Grant of a record whose holder is the wallet."""
    act = patients.grant()
    assert isinstance(act.message, Grant)
    assert act.enrolment is not None
    enrolment = dataclasses.replace(act.enrolment, holder=wallet)
    key = patients.world.enrolment_keys[act.message.site]
    return dataclasses.replace(
        act,
        message=dataclasses.replace(act.message, holder=wallet),
        signer=signer_of_account(wallet),
        signature=b"",
        enrolment=enrolment,
        enrolment_signature=enrolment.sign(key, act.domain),
    )
