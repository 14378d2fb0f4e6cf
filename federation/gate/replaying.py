"""Replays: a round computed again, in a process of its own, by the app that was approved for it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

from audit.cid import cid_of_sha256
from audit.replays import ReplayReport, SignedReplay
from chain.messages import consent_domain
from federation.gate.fork_server.fab import CONTENT_FILE
from federation.gate.fork_server.launch import INSTALLATION
from federation.gate.fork_server.libraries import FIXED_ENVIRONMENT
from federation.gate.keys import SiteKeys
from federation.gate.site import SiteConfig, connect
from ipfs.objects import ObjectStore

_APP = "app"
_REPLAY_IN_APP = "federation/app/replay.py"


class ReplayRefused(Exception):
    """No replay was made, and nothing is said about the round. The message says why."""


def replay(folder: Path, number: int) -> ReplayReport:
    """Replays this site's part of a round; see `federation.app.replay.replay_round`.

    Args:
        folder: the site's folder. Nothing in it is changed, but logs/replay.log on failure.

    Raises:
        ReplayRefused: the round has no sealed contribution of this site, its app is from before
            there were replays, or the process failed.
        chain.errors.ChainError, ipfs.objects.ObjectStoreError, SiteFolderInvalid,
        PrivateFileUnsafe, KeyFolderInvalid
    """
    config = SiteConfig.load(folder)
    chain = connect(folder, config)
    opened = chain.ledger.round(config.study_id, number)
    if not any(opened.seal_digest):
        raise ReplayRefused(f"round {number} is not sealed; there is nothing to replay yet")
    app_hash = chain.registry.terms(config.study_id, opened.version).app_hash
    with ObjectStore(config.ipfs_api) as store:
        bundle = store.get(cid_of_sha256(app_hash))
    with tempfile.TemporaryDirectory(prefix="assent-replay-") as place:
        app = Path(place) / _APP
        _unpack(bundle, app, opened.version)
        told = _run(app, app_hash, folder, number)
    if "refused" in told:
        raise ReplayRefused(str(told["refused"]))
    return ReplayReport.of_json(told["report"])


def sign_replay(folder: Path, report: ReplayReport) -> SignedReplay:
    """The report under the signature of the site's account.

    Raises:
        chain.errors.ChainError, SiteFolderInvalid, PrivateFileUnsafe, KeyFolderInvalid
    """
    deployment = connect(folder, SiteConfig.load(folder)).deployment
    domain = consent_domain(deployment.chain_id, deployment.consent_token)
    with closing(SiteKeys.open(folder / "keys")) as keys:
        return SignedReplay.sign(report, domain, keys.account)


def _unpack(bundle: bytes, app: Path, version: int) -> None:
    """The files of a Flower App Bundle, as Flower installs them; the child hashes them again."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        names = [name for name in archive.namelist() if name != CONTENT_FILE]
        if _REPLAY_IN_APP not in names:
            raise ReplayRefused(
                f"the app of version {version} is from before there were replays: it kept no"
                " snapshot, and its rounds are not replayable"
            )
        archive.extractall(app, names)


def _run(app: Path, app_hash: bytes, folder: Path, number: int) -> dict[str, object]:
    command = [sys.executable, "-P", "-m", "federation.gate.replay_child"]
    command += [str(app), app_hash.hex(), str(folder.absolute()), str(number)]
    environment = {**os.environ, **FIXED_ENVIRONMENT, "PYTHONPATH": str(INSTALLATION)}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    if done.returncode != 0:
        log = folder / "logs" / "replay.log"
        log.parent.mkdir(mode=0o700, exist_ok=True)
        log.write_bytes(done.stderr)
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ReplayRefused(f"the replay's process failed, {log} says where: {last[:400]}")
    told = json.loads(done.stdout)
    assert isinstance(told, dict)
    return told
