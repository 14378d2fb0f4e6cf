"""The gate: what a site asks its own node before one byte of the coordinator's app is loaded.

Installed by the hospital; no coordinator can change it. It opens neither records nor keys.
"""

from __future__ import annotations

import time
from pathlib import Path

from chain.chain import Block, Chain
from chain.errors import ChainError
from chain.messages import RoundState, Study, Terms, terms_hash
from federation.app.chain_facts import pause_after, time_at
from federation.gate.checked_round import checked_round, note_checked
from federation.gate.deliveries import record_from
from federation.gate.fork_server.verdict import GateRefused
from federation.gate.lineage import BaseDoesNotFollow, check_base_follows
from federation.gate.site import (
    SiteConfig,
    SiteFolderInvalid,
    connect,
    site_folder_from_environment,
)
from ipfs.objects import ObjectStore, ObjectStoreError

#: How long an app that came early waits, where its site has done its part of the newest round. More
#: than it takes to close a round and to open one, with twenty sites on two cores; less than the
#: gate's own time limit.
_NEXT_ROUND_SECONDS = 30.0


def decide(app_dir: Path, fab_hash: str) -> None:
    """Admits the app, or refuses it.

    Args:
        app_dir: where Flower has unpacked the app; its files have been hashed already.
        fab_hash: SHA-256 of the Flower App Bundle, hexadecimal.

    Raises:
        GateRefused: with a fixed code; the message is for the site's own log.
    """
    try:
        folder = site_folder_from_environment()
        config = SiteConfig.load(folder)
        chain = connect(folder, config)
        _wait_for_next_round(chain, folder, config.study_id)
        head, number = chain.together(chain.head, lambda: chain.ledger.round_count(config.study_id))
        _check_head(head, config)
        _, terms = _checked_study(chain, config)
        approved = terms.app_hash.hex()
        if fab_hash.removeprefix("0x").lower() != approved:
            raise GateRefused(
                "APP_NOT_APPROVED",
                f"the coordinator sent app {fab_hash} and study {config.study_id} approved "
                f"{approved}; do not start it, tell the reviewers",
            )
        _check_base(chain, folder, config, head, number)
    except SiteFolderInvalid as error:
        raise GateRefused("SITE_FOLDER_INVALID", str(error)) from error
    except ChainError as error:
        raise GateRefused("CHAIN_REFUSED", str(error)) from error


def _wait_for_next_round(chain: Chain, folder: Path, study_id: int) -> None:
    """Waits a moment for the next round, where this site has taken part in the newest already.

    A coordinator orders a round before it is open, so that no site begins it late. When none comes,
    the app is judged by the newest round: it may be asked for that once more.
    """
    checked = checked_round(folder, study_id)
    newest = chain.ledger.round_count(study_id) if checked else 0
    if not newest or checked != newest:
        return
    if chain.ledger.round(study_id, newest).state == RoundState.OPEN:
        return
    began, waited = time.monotonic(), 0.0
    while chain.ledger.round_count(study_id) == newest and waited < _NEXT_ROUND_SECONDS:
        time.sleep(pause_after(waited))
        waited = time.monotonic() - began


def _check_head(head: Block, config: SiteConfig) -> None:
    age = time.time() - head.timestamp
    if config.max_head_age_seconds and age > config.max_head_age_seconds:
        raise GateRefused(
            "CHAIN_STALE",
            f"the newest block of {config.rpc_url} is {age:.0f} s old, more than "
            f"{config.max_head_age_seconds} s; check that the site's node is in sync",
        )


def check_study(chain: Chain, config: SiteConfig) -> Study:
    """The study as the site's node knows it, once committee, approval and terms are as expected.

    Raises:
        GateRefused
    """
    return _checked_study(chain, config)[0]


def _checked_study(chain: Chain, config: SiteConfig) -> tuple[Study, Terms]:
    study_id = config.study_id
    study: Study
    study, committee, head = chain.together(
        lambda: chain.registry.study(study_id),
        lambda: chain.registry.reviewers(study_id),
        chain.head,
    )
    if study.current_version == 0:
        raise GateRefused(
            "STUDY_NOT_APPROVED",
            f"study {study_id} has no approved terms; nothing runs before its reviewers approve"
            " some",
        )
    if set(committee) != set(config.reviewers) or study.threshold != config.threshold:
        raise GateRefused(
            "COMMITTEE_UNKNOWN",
            f"study {study_id} is reviewed by {', '.join(committee)} ({study.threshold} needed), "
            "not by the committee in site.json; ask the ethics board which is right",
        )
    if study.suspended:
        raise GateRefused("STUDY_SUSPENDED", f"study {study_id} is suspended by its reviewers")
    if time_at(head) >= study.approved_until:
        raise GateRefused(
            "APPROVAL_EXPIRED",
            f"the approval of study {study_id} has expired; nothing runs before {study.threshold} "
            f"of its reviewers approve version {study.current_version} again",
        )
    terms: Terms
    terms, stated = chain.together(
        lambda: chain.registry.terms(study_id, study.current_version),
        lambda: chain.registry.terms_hash(study_id, study.current_version),
    )
    if terms_hash(terms) != stated:
        raise GateRefused(
            "TERMS_CONTRADICT",
            f"the terms of study {study_id} do not hash to what its reviewers signed: do not trust"
            " this chain node before you know why",
        )
    return study, terms


def _check_base(chain: Chain, folder: Path, config: SiteConfig, head: Block, number: int) -> None:
    opened = chain.ledger.round(config.study_id, number) if number else None
    if opened is None or opened.state not in (RoundState.OPEN, RoundState.SEALED):
        raise GateRefused("NO_ROUND_OPEN", f"study {config.study_id} has no round under way")
    with ObjectStore(config.ipfs_api) as store:
        try:
            check_base_follows(chain, store, config.study_id, number)
        except BaseDoesNotFollow as error:
            raise GateRefused("BASE_DOES_NOT_FOLLOW", str(error)) from error
        except ObjectStoreError as error:
            raise GateRefused("EVIDENCE_MISSING", str(error)) from error
    # by this machine's clock, which the chain's may be ahead of
    ahead = max(0, head.timestamp - int(time.time()))
    note_checked(folder, config.study_id, number, record_from(opened) - ahead)
