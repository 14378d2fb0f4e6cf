"""Lies of who runs nodes: other events, code, proofs, headers, times; a chain of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from audit import canonical_json
from audit.bundle import Bundle
from audit.fields import hex_of
from bench.verification.proven_state import BUDGET, RUNNING_HASH
from chain import events as ev
from tests.audit.misbehaviour.forgery import Forgery, anchored
from tests.audit.misbehaviour.kinds import Collection, Reach, Who
from tests.audit.misbehaviour.of_sites import recommitted
from tests.audit.tampering import forged as rewritten

of_chain = Collection()
forged = of_chain.forged
CHAIN, FILES, NODE = Who.CHAIN, Reach.FILES, Reach.NODE
LEDGER = "RoundLedger"


@forged(CHAIN, "leaves out the last event", "events.running-hash", LEDGER, FILES)
def omitted_event_at_the_end(f: Forgery) -> None:
    f.drop(f.place(ev.Closed))


@forged(CHAIN, "leaves out an event in the middle", "events.running-hash", "ConsentToken", FILES)
def omitted_event_in_the_middle(f: Forgery) -> None:
    f.drop(f.place(ev.Revoked, 0))


@forged(CHAIN, "changes the order of two events", "events.running-hash", LEDGER, FILES)
def reordered_events(f: Forgery) -> None:
    one, two = f.place(ev.Committed, 0), f.place(ev.Committed, 1)
    f.entries[one].event, f.entries[two].event = f.entries[two].event, f.entries[one].event


@forged(CHAIN, "repeats an event", "events.running-hash", LEDGER, FILES)
def repeated_event(f: Forgery) -> None:
    f.insert(f.place(ev.Aborted) + 1, f.event(ev.Aborted))


@forged(CHAIN, "invents a consent", "events.running-hash", "ConsentToken", FILES)
def invented_event(f: Forgery) -> None:
    place = f.place(ev.Granted, 0)
    grant = f.entries[place].event
    f.insert(place + 1, replace(grant, token_id=grant.token_id + 1))


@forged(CHAIN, "adds events of another study", "events.running-hash", "study 9", FILES)
def events_of_another_study(f: Forgery) -> None:
    f.insert(f.place(ev.Closed) + 1, replace(f.event(ev.Closed), study_id=9))


@forged(CHAIN, "shows a whole chain of its own, in which nothing is wrong", "anchor", "", NODE)
def chain_of_its_own(f: Forgery) -> None:
    f.drop(*(p for p, e in enumerate(f.entries) if getattr(e.event, "round", 0) == 5))
    f.forget()


@forged(CHAIN, "shows the study as it was before the last round", "anchor", "", NODE)
def older_state(f: Forgery) -> None:
    place = f.place(ev.Opened)
    before = f.entries[place - 1]
    f.entries = f.entries[:place]
    f.state.block = replace(f.state.block, number=before.block, timestamp=before.time)
    f.forget()


@forged(CHAIN, "gives another block's header with the proofs", "header", "chain/header", FILES)
def header_of_another_block(f: Forgery) -> Bundle:
    f.state.block = replace(f.state.block, number=f.state.block.number + 1)
    other = f.proven().files["chain/header.rlp"]
    return rewritten(f.honest, {"chain/header.rlp": other})


@forged(CHAIN, "runs other code at a contract's address", "contract.code", "ConsentToken")
def other_code_at_the_same_address(f: Forgery) -> None:
    code = f.code["ConsentToken"]
    f.code["ConsentToken"] = code[:-1] + bytes((code[-1] ^ 1,))


@forged(CHAIN, "lets a contract rely on another contract", "contract.immutables", "RoundLedger")
def other_contract_relied_on(f: Forgery) -> None:
    consent = bytes.fromhex(f.honest.contracts.consent_token[2:]).rjust(32, b"\0")
    f.code["RoundLedger"] = f.code["RoundLedger"].replace(consent, bytes(12) + b"\x11" * 20)


def changed_proofs(f: Forgery, change: Callable[[list[Any]], None]) -> Bundle:
    proofs = canonical_json.loads(f.honest.files["chain/proofs.json"])
    change(proofs)
    return rewritten(f.honest, {"chain/proofs.json": canonical_json.dumps(proofs)})


@forged(CHAIN, "proves another account than the contract's", "contract", "StudyRegistry", FILES)
def proof_of_another_account(f: Forgery) -> Bundle:
    def swap(proofs: list[Any]) -> None:
        proofs[0]["account_proof"] = proofs[1]["account_proof"]

    return changed_proofs(f, swap)


@forged(CHAIN, "states another account than it proves", "contract.account", LEDGER, FILES)
def account_that_is_not_the_proven_one(f: Forgery) -> Bundle:
    return changed_proofs(f, lambda proofs: proofs[2].update(balance="1"))


@forged(CHAIN, "names other addresses in the proofs", "contract.address", "ConsentToken", FILES)
def contract_of_another_address(f: Forgery) -> Bundle:
    registry = f.honest.contracts.registry
    return changed_proofs(f, lambda proofs: proofs[1].update(address=registry))


@forged(CHAIN, "proves the running hash of another study", "contract.storage", LEDGER, FILES)
def running_hash_of_another_study(f: Forgery) -> Bundle:
    def other(proofs: list[Any]) -> None:
        proofs[2]["storage"][0]["study"] = f.study + 1

    return changed_proofs(f, other)


@forged(CHAIN, "proves another slot than the budget's", "contract.storage", BUDGET, FILES)
def slot_of_the_budget_replaced(f: Forgery) -> Bundle:
    def other(proofs: list[Any]) -> None:
        slots = {slot["namespace"]: slot for slot in proofs[2]["storage"]}
        spent, hashes = slots[BUDGET], slots[RUNNING_HASH]
        spent.update({name: hashes[name] for name in ("key", "value", "proof")})

    return changed_proofs(f, other)


@forged(CHAIN, "states another value than a proof shows", "contract.storage", BUDGET, FILES)
def value_that_is_not_proven(f: Forgery) -> Bundle:
    def other(proofs: list[Any]) -> None:
        spent = next(slot for slot in proofs[2]["storage"] if slot["namespace"] == BUDGET)
        spent["value"] = hex_of((1).to_bytes(32, "big"))

    return changed_proofs(f, other)


@forged(CHAIN, "leaves out the proof of a slot", "contract.storage", LEDGER, FILES)
def slot_left_out(f: Forgery) -> Bundle:
    return changed_proofs(f, lambda proofs: proofs[2]["storage"].pop())


@forged(CHAIN, "adds nodes to a proof", "contract", "StudyRegistry", FILES)
def proof_with_a_node_too_many(f: Forgery) -> Bundle:
    def more(proofs: list[Any]) -> None:
        proofs[0]["account_proof"].append(proofs[0]["account_proof"][-1])

    return changed_proofs(f, more)


@forged(CHAIN, "holds less rho than the seals charged", "budget.storage")
def budget_under_reported_by_storage(f: Forgery) -> None:
    f.rho = 1


@forged(CHAIN, "keeps another running hash than its events make", "events.running-hash", LEDGER)
def running_hash_of_other_events(f: Forgery) -> None:
    f.state.slots[LEDGER, RUNNING_HASH, f.study] = b"\x11" * 32


@forged(CHAIN, "shows events later than its block", "events.blocks")
def events_after_the_block(f: Forgery) -> None:
    f.state.block = replace(f.state.block, number=f.entries[-1].block - 1)


@forged(CHAIN, "gives an event a time before the one before it", "events.replay")
def time_going_back(f: Forgery) -> None:
    f.entry(ev.Closed).time -= 10**6


@forged(CHAIN, "gives one block two times", "events.replay")
def block_with_two_times(f: Forgery) -> None:
    place = f.place(ev.VersionActivated)  # in one call, hence one block, with an approval
    for entry in f.entries[place:]:
        entry.time += 1


@forged(CHAIN, "gives a block a time after the newest", "events.blocks")
def time_after_the_newest_block(f: Forgery) -> None:
    f.state.block = replace(f.state.block, timestamp=f.entries[-1].time - 1)


@forged(CHAIN, "gives one block two hashes", "blocks.names", "round 5")
def block_with_two_hashes(f: Forgery) -> None:
    recommitted(f, block_number=f.event(ev.Opened).pinned_block)


@forged(CHAIN, "passes a bundle off as that of a later block", "anchor", "", NODE)
def bundle_of_another_block(f: Forgery) -> Bundle:
    f.state.block = replace(f.state.block, parent_hash=b"\x22" * 32)
    return anchored(f.proven())
