"""What a coordinator checks before it runs rounds: sites would refuse the app, and tell nobody."""

from __future__ import annotations

from pathlib import Path

from chain.chain import Chain
from federation.app.chain_facts import chain_time
from federation.gate.fork_server.fab import build_fab
from study.overview import require_study


class RunRefused(Exception):
    """Rounds cannot be run: the study is not in force, or the app is another. Says which."""


def require_approved_app(chain: Chain, study_id: int, app: Path) -> None:
    """Refuses to go on unless the study is in force and the folder builds the app it approved.

    Args:
        app: the staged Flower app.

    Raises:
        RunRefused, RegistryStudyUnknown, chain.errors.ChainError, FabError
    """
    study = require_study(chain, study_id)
    if study.current_version == 0:
        raise RunRefused(f"study {study_id} is not approved yet; its reviewers have to sign first")
    if study.suspended:
        raise RunRefused(f"study {study_id} is suspended; it takes {study.threshold} to resume it")
    if study.approved_until <= chain_time(chain):
        raise RunRefused(
            f"the approval of study {study_id} has expired; its reviewers have to renew it"
            " (`assent irb renew`)"
        )
    approved = chain.registry.terms(study_id, study.current_version).app_hash.hex()
    _, found = build_fab(app)
    if found != approved:
        raise RunRefused(
            f"{app} builds app {found}, and study {study_id} has approved {approved}; every site"
            " would refuse it. Use the installation that was approved, or propose a new version"
        )
