"""Staging the Flower app: exactly what reviewers approve and a FAB holds."""

from __future__ import annotations

import shutil
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
#: Folders that travel in the FAB.
PARTS = ("federation/app", "twin", "audit", "chain", "ipfs")
#: Of audit/, what only a verifier runs: it reads bundles, and is no part of what trains. An app is
#: one IPFS block of at most 1 MiB.
_VERIFIER = (
    "checks",
    "verify.py",
    "report.py",
    "bundle*.py",
    "car.py",
    "dag_cbor.py",
    "disclosure.py",
    "evidence.py",
    "proofs.py",
    "known_code.py",
    "object_names.py",
    "packed_rows.py",
    "spending.py",
    "withdrawal*.py",
    "remedies.py",
    "replay_draw.py",
)
#: Of chain/, what nobody in a round does: deploy, gather evidence, read what people have signed.
_OTHERS_ACTS = (
    "alone.py",
    "compile.py",
    "deploy.py",
    "evidence.py",
    "grants.py",
    "new_file.py",
    "passkeys.py",
    "signatures.py",
    "signed_act.py",
)
#: Of federation/app/learning/, what only comparisons run.
_COMPARISONS = (
    "baselines.py",
    "calibration.py",
    "dp_fedavg.py",
    "forecasts.py",
    "nested.py",
    "survey.py",
    "survey_again.py",
)
#: Of federation/app/, what stages the app, plans a study and tells what it costs.
_BESIDE_ROUNDS = ("accountants.py", "package.py", "privacy.py", "recipe.py")
_LEFT_OUT = {
    "audit": _VERIFIER,
    "chain": _OTHERS_ACTS,
    "federation/app": (*_BESIDE_ROUNDS, *_COMPARISONS),
    "twin": ("trajectory",),
}


def stage_app(folder: Path) -> Path:
    """Copies the app's sources and its project file into an empty or absent folder.

    Args:
        folder: where to; its name must be a valid Flower app name.

    Returns:
        The folder, ready for ``flwr build`` and ``flwr run``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        shutil.copytree(
            _ROOT / part,
            folder / part,
            ignore=shutil.ignore_patterns(
                "__pycache__", "flower_app.toml", "*.pyc", *_LEFT_OUT.get(part, ())
            ),
            dirs_exist_ok=True,
        )
    shutil.copyfile(_ROOT / "federation/app/flower_app.toml", folder / "pyproject.toml")
    return folder
