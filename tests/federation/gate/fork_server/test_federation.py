"""Through real Flower: what a site's children load, when they refuse, and how a round ends."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.small_federation import STEP_SECONDS, Run, SmallFederation, wait_for, write_app
from federation.gate.fork_server.fab import build_fab
from federation.gate.fork_server.launch import INSTALLATION, RunningServer

from .conftest import start_site

REFUSED = [1, "An exception was raised when attempting to load `ClientApp`"]

CLIENT_APP = """
import os, sys, time
from pathlib import Path
import torch
import audit
import federation.app
import federation.gate
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

site = Path(os.environ["ASSENT_SITE_DIR"])
(site / "loaded").write_text("app code ran")  # MARKER
app = ClientApp()

@app.query()
def query(message, context):
    do = message.content["asked"]["do"]
    (site / "working").write_text(str(os.getpid()))
    if do == f"sleep at {site.parent.name}":
        time.sleep(300)
    report = {
        "site": str(site),
        "pid": os.getpid(),
        "torch": float(torch.rand(1, dtype=torch.float64)),
        "threads": torch.get_num_threads(),
        "audit": audit.__file__,
        "federation.app": federation.app.__file__,
        "federation.gate": federation.gate.__file__,
        "writes_byte_code": not sys.dont_write_bytecode,
    }
    return Message(RecordDict({"report": ConfigRecord(report)}), reply_to=message)
"""
APP_AUDIT = {"audit/__init__.py": 'WHOSE = "the approved app\'s"\n'}


@dataclass
class Sites:
    """Two sites in one federation, both of which approved `app`, and a run of it."""

    federation: SmallFederation
    folders: dict[str, Path]
    app: Path
    fab_hash: str
    run: Run

    def installed(self, name: str) -> Path:
        """Return the folder in which a site's Flower installed the approved app."""
        (folder,) = (self.federation.home(name) / "apps").glob(f"*.{self.fab_hash[:8]}")
        return folder


@pytest.fixture(scope="module")
def sites(
    tmp_path_factory: pytest.TempPathFactory,
    superlink: SmallFederation,
    fork_server: RunningServer,
) -> Iterator[Sites]:
    app = write_app(tmp_path_factory.mktemp("app") / "probe", CLIENT_APP, APP_AUDIT)
    _fab, fab_hash = build_fab(app)
    folders = {}
    for name in ("north", "south"):
        folders[name], _process = start_site(superlink, fork_server, name, fab_hash)
    run = superlink.run(app)
    yield Sites(superlink, folders, app, fab_hash, run)
    run.stop()


def test_every_message_gets_a_process_of_its_own_with_the_approved_apps_modules(
    sites: Sites,
) -> None:
    reports = [report for _ in range(2) for report in sites.run.ask("report", 2)["replies"]]

    assert len({report["pid"] for report in reports}) == 4
    for report in reports:
        installed = sites.installed(Path(report["site"]).parent.name)
        assert Path(report["audit"]).is_relative_to(installed)
        assert Path(report["federation.app"]).is_relative_to(installed)
        assert not Path(report["federation.gate"]).is_relative_to(installed)
        assert report["threads"] == 1
        assert report["writes_byte_code"] is False
        assert not list(installed.rglob("*.pyc"))


def test_the_gate_decides_at_every_message_in_a_process_with_the_sites_own_modules(
    sites: Sites,
) -> None:
    before = [len(_questions(folder)) for folder in sites.folders.values()]
    reports = sites.run.ask("report", 2)["replies"]

    for count, folder in zip(before, sites.folders.values(), strict=True):
        questions = _questions(folder)
        assert len(questions) == count + 1
        assert Path(questions[-1]["audit"]).is_relative_to(INSTALLATION)
        assert questions[-1]["pid"] not in {report["pid"] for report in reports}


def test_children_inherit_torchs_generator_so_privacy_noise_may_never_come_from_it(
    sites: Sites,
) -> None:
    """Two sites, two rounds, one fork server: the "random" numbers are the same four times."""
    reports = [report for _ in range(2) for report in sites.run.ask("report", 2)["replies"]]

    assert len({report["pid"] for report in reports}) == 4
    assert len({report["torch"] for report in reports}) == 1


def test_a_coordinators_altered_app_is_refused_before_one_line_of_it_runs(
    sites: Sites, tmp_path: Path
) -> None:
    source = CLIENT_APP.replace('"loaded"', '"altered"')
    run = sites.federation.run(write_app(tmp_path / "probe", source, APP_AUDIT))
    try:
        answer = run.ask("report", 2)
    finally:
        run.stop()

    assert answer["errors"] == [REFUSED, REFUSED]
    for name, folder in sites.folders.items():
        assert not (folder / "altered").exists()
        assert "NOT_APPROVED" in sites.federation.log(name)


@pytest.mark.parametrize("tampering", ["changed", "added", "byte code", "deleted", "linked"])
def test_an_installed_app_that_was_tampered_with_between_messages_is_refused(
    sites: Sites, tampering: str, tmp_path: Path
) -> None:
    sites.run.ask("report", 2)
    installed = sites.installed("north")
    target = installed / "audit" / "__init__.py"
    original = target.read_bytes()
    planted = {
        "added": installed / "probe_app" / "extra.py",
        "byte code": installed / "probe_app" / "client.pyc",
    }.get(tampering)
    (sites.folders["north"] / "loaded").unlink()
    try:
        if planted:
            planted.write_text("")
        elif tampering == "changed":
            target.write_bytes(original + b"\n")
        else:
            target.unlink()
        if tampering == "linked":
            (tmp_path / "same.py").write_bytes(original)
            target.symlink_to(tmp_path / "same.py")
        answer = sites.run.ask("report", 2)
    finally:
        for path in filter(None, (planted, target)):
            path.unlink(missing_ok=True)
        target.write_bytes(original)

    assert answer["errors"] == [REFUSED]
    assert [Path(report["site"]) for report in answer["replies"]] == [sites.folders["south"]]
    assert not (sites.folders["north"] / "loaded").exists()


@pytest.mark.parametrize("mode", ["hang", "die", "break"])
def test_a_gate_that_gives_no_clear_yes_is_a_refusal_that_tells_the_coordinator_nothing(
    sites: Sites, mode: str
) -> None:
    for folder in sites.folders.values():
        (folder / "mode").write_text(mode)
    try:
        answer = sites.run.ask("report", 2)
    finally:
        for folder in sites.folders.values():
            (folder / "mode").unlink()

    assert answer["errors"] == [REFUSED, REFUSED]


def test_an_app_that_ships_a_librarys_name_is_refused(sites: Sites, tmp_path: Path) -> None:
    shadowing = {**APP_AUDIT, "requests/__init__.py": ""}
    app = write_app(tmp_path / "probe", CLIENT_APP.replace('"loaded"', '"shadow"'), shadowing)
    _approve(sites, build_fab(app)[1])
    run = sites.federation.run(app)
    try:
        answer = run.ask("report", 2)
    finally:
        run.stop()

    assert answer["errors"] == [REFUSED, REFUSED]
    for name, folder in sites.folders.items():
        assert not (folder / "shadow").exists()
        assert "APP_SHADOWS_LIBRARY" in sites.federation.log(name)


def test_an_approved_app_without_a_project_package_does_not_get_the_sites(
    sites: Sites, tmp_path: Path
) -> None:
    app = write_app(tmp_path / "probe", CLIENT_APP)
    _approve(sites, build_fab(app)[1])
    run = sites.federation.run(app)
    try:
        answer = run.ask("report", 2)
    finally:
        run.stop()

    assert answer["errors"] == [REFUSED, REFUSED], "and no text of the exception leaves the site"


@pytest.mark.parametrize(
    ("how", "timeout_seconds"),
    # A stopped SuperNode signs off, long before the exchange's own time is up; a killed one cannot.
    [(signal.SIGTERM, 10 * STEP_SECONDS), (signal.SIGKILL, 20)],
)
def test_a_supernode_lost_in_mid_round_is_missed_and_its_process_ends(
    sites: Sites, fork_server: RunningServer, how: signal.Signals, timeout_seconds: float
) -> None:
    name = f"lost-{how.name}"
    site, process = start_site(sites.federation, fork_server, name, sites.fab_hash)
    sites.run.ask("report", 3)
    (site / "working").unlink()
    sites.run.begin(f"sleep at {name}", 3, timeout_seconds)
    wait_for("the site's work", (site / "working").exists, 30)
    worker = int((site / "working").read_text())
    process.send_signal(how)
    process.wait(30)
    answer = sites.run.finish()

    assert (answer["asked"], len(answer["replies"]), answer["missing"]) == (3, 2, 1)
    wait_for("the end of the lost site's process", lambda: not _alive(worker), 30)


def _questions(folder: Path) -> list[dict[str, str | int]]:
    asked = folder / "asked"
    return [json.loads(line) for line in asked.read_text().splitlines()] if asked.exists() else []


def _approve(sites: Sites, fab_hash: str) -> None:
    for folder in sites.folders.values():
        with (folder / "approved").open("a") as approved:
            approved.write(fab_hash + "\n")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
