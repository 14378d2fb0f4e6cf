"""One round from its opening to its closing, and what each act costs."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from assurance.gas.study import Study, sha256
from chain.messages import Closure, Commitment, Delivery, Round
from chain.solidity import struct_from_abi, to_abi


def measure_round(study: Study, number: int) -> dict[str, int]:
    """Runs round `number`, in which every site commits all of its tokens.

    Keys are "open", "commit" (the first site's), "seal" (before the commit deadline, by the
    coordinator) and "close".
    """
    contracts, coordinator = study.contracts, study.coordinator.address
    gas = {"open": contracts.act(coordinator, "RoundLedger", "open", study.number).gas}
    costs = [_commit(study, number, site) for site in study.sites]
    gas["commit"] = costs[0]
    gas["seal"] = contracts.act(coordinator, "RoundLedger", "seal", study.number, number).gas
    gas["close"] = _close(study, number)
    return gas


def _commit(study: Study, number: int, site: LocalAccount) -> int:
    contracts = study.contracts
    height, block_hash = contracts.node.head
    named = study.number, site.address
    name = f"{study.number} {number} {site.address}"
    commitment = Commitment(
        attempt=1,
        cohort_root=sha256(f"cohort root {name}"),
        cohort_size=contracts.view("ConsentToken", "unburnedCount", *named),
        block_number=height,
        block_hash=block_hash,
        epoch=contracts.view("ConsentToken", "epoch", *named),
        vector_hash=sha256(f"vector {name}"),
        mask_key=sha256(f"mask key {name}")[:31] + b"\1",  # as canonical as a real one
        environment_hash=sha256("environment"),
    )
    given = study.number, number, to_abi(commitment, Commitment)
    return contracts.act(site.address, "RoundLedger", "commit", *given).gas


def _close(study: Study, number: int) -> int:
    contracts = study.contracts
    raw = contracts.view("RoundLedger", "round", study.number, number)
    digest = struct_from_abi(raw, Round).seal_digest
    masked = [sha256(f"masked {study.number} {number} {site.address}") for site in study.sites]
    signatures = [
        Delivery(digest, given).sign(site, contracts.ledger_domain)
        for site, given in zip(study.sites, masked, strict=True)
    ]
    checkpoint, manifest = sha256(f"checkpoint {number}"), sha256(f"manifest {number}")
    closure = Closure(digest, checkpoint, manifest)
    return contracts.act(
        study.coordinator.address,
        "RoundLedger",
        "close",
        study.number,
        number,
        checkpoint,
        manifest,
        masked,
        signatures,
        closure.sign(study.coordinator, contracts.ledger_domain),
    ).gas
