"""What is measured, and in which order."""

from __future__ import annotations

import time
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from assurance.gas import attestations
from assurance.gas.consents import grant_by_sig, measure_consents
from assurance.gas.crowd import Crowd, shelf_slot, write_counts
from assurance.gas.holders import holder_of
from assurance.gas.node import GasNode
from assurance.gas.rounds import measure_round
from assurance.gas.study import PURPOSES, Contracts, Study, ascending, start_study

FEW, MANY = 10, 10_000
"""Tokens at each site."""

SMALL, LARGE = 5, 50
"""Sites of a study."""

PAGE = 1024
"""Tokens in one page of a cohort."""


@dataclass(frozen=True)
class Measured:
    """Gas by key ("close, 5 sites, 10 tokens"), and seconds to read a cohort of `MANY` tokens.

    The seconds are this machine's; the gas is the same everywhere. They are 0 when not measured.
    """

    gas: dict[str, int]
    reading_seconds: float = 0.0


def measure_few() -> Measured:
    """The study with few sites and few tokens, without the peer: a part of `measure_all`.

    Takes seconds. Raises what the contracts refuse with.
    """
    with GasNode() as node:
        contracts = Contracts(node)
        study = start_study(contracts, 1, contracts.register_sites(range(SMALL)))
        return Measured(_few_tokens(study, Crowd(contracts)))


def measure_all() -> Measured:
    """Everything that the table holds.

    Takes minutes. Raises SetupError when the peer cannot be had, and what contracts refuse with.
    """
    attestations.install()
    with GasNode() as node:
        contracts = Contracts(node)
        sites = contracts.register_sites(range(SMALL))
        small, crowd = start_study(contracts, 1, sites), Crowd(contracts)
        gas = _few_tokens(small, crowd)
        peer = attestations.AttestationService(node)
        for content in attestations.CONTENTS:
            gas |= peer.measure(small, sites[0], content)
        everyone = ascending(sites + contracts.register_sites(range(SMALL, LARGE)))
        gas |= _many_sites(start_study(contracts, 2, everyone), crowd)
        for site in sites:
            crowd.fill(small, site, MANY)
            shelf_slot(small, site.address)
        gas |= _round(small, 3, f"{MANY} tokens")
        gas |= _consents(small, f"{MANY} tokens")
        gas[f"activeTokens, page of {PAGE}"], seconds = read_cohort(small, sites[0])
        return Measured(gas, seconds)


def read_cohort(study: Study, site: LocalAccount) -> tuple[int, float]:
    """Gas of the dearest page of a site's active tokens, and the seconds that all pages took."""
    contracts, first, dearest, seconds = study.contracts, 0, 0, 0.0
    place = contracts.deployment.consent_token
    while True:
        asked = study.number, site.address, PURPOSES, contracts.node.time, first, PAGE
        data = "0x" + contracts.encode("ConsentToken", "activeTokens", *asked).hex()
        estimate = contracts.node.ask("eth_estimateGas", {"to": place, "data": data})
        dearest = max(dearest, int(estimate, 16))
        since = time.monotonic()
        _, first = contracts.view("ConsentToken", "activeTokens", *asked)
        seconds += time.monotonic() - since
        if first == 0:
            return dearest, seconds


def _few_tokens(study: Study, crowd: Crowd) -> dict[str, int]:
    node, site = study.contracts.node, study.sites[0]
    gas = _approvals(study)
    holder = holder_of("eoa", "the first", node, study.contracts.deployment)
    gas["grantBySig/eoa, first at a site"], _ = grant_by_sig(study, site, holder, "the first")
    _fill(study, crowd)
    gas |= _consents(study, f"{FEW} tokens")
    return gas | _round(study, 1, "first round") | _round(study, 2, f"{FEW} tokens")


def _many_sites(study: Study, crowd: Crowd) -> dict[str, int]:
    _fill(study, crowd)
    # So that the site that is looked at has an epoch above 0 to commit to, as in the small study.
    _consents(study, "unused")
    gas = _approvals(study)
    gas |= _round(study, 1, "first round") | _round(study, 2, f"{FEW} tokens")
    for site in study.sites:
        write_counts(study, site.address, MANY - FEW)
    return gas | _round(study, 3, f"{MANY} tokens")


def _fill(study: Study, crowd: Crowd) -> None:
    for site in study.sites:
        crowd.fill(study, site, FEW)


def _approvals(study: Study) -> dict[str, int]:
    sites = len(study.sites)
    return {
        f"approve, {sites} sites, first": study.gas_of_first_approval,
        f"approve, {sites} sites, in force": study.gas_of_last_approval,
    }


def _consents(study: Study, tokens: str) -> dict[str, int]:
    measured = measure_consents(study, study.sites[0], tokens)
    return {f"{act}, {tokens}": gas for act, gas in measured.items()}


def _round(study: Study, number: int, tokens: str) -> dict[str, int]:
    measured = measure_round(study, number)
    return {f"{act}, {len(study.sites)} sites, {tokens}": gas for act, gas in measured.items()}
