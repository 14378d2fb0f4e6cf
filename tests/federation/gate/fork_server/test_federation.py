"""Through real Flower: what a site's children load, when they refuse, and how a round ends."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.small_federation import (
    SERVER_APP,
    STEP_SECONDS,
    Run,
    SmallFederation,
    wait_for,
    write_app,
)
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
from flwr.supercore.inflatable.inflatable_object import add_header_to_object_body

site = Path(os.environ["ASSENT_SITE_DIR"])
(site / "loaded").write_text("app code ran")  # MARKER
app = ClientApp()

@app.query()
def query(message, context):
    do = message.content["asked"]["do"]
    (site / "working").write_text(str(os.getpid()))
    if do == f"sleep at {site.parent.name}":
        time.sleep(300)
    if do == f"garbage from {site.parent.name}":
        ConfigRecord.deflate = lambda self: add_header_to_object_body(b"\\xff" * 9, self)
    elif do.startswith("garbage"):
        time.sleep(3)  # so that it is not read together with the garbage
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


@dataclass
class Told:
    """What four children reported, of two messages to both sites, and what their gates noted."""

    reports: list[dict[str, Any]]
    questions: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def told(sites: Sites) -> Told:
    before = {name: len(_questions(folder)) for name, folder in sites.folders.items()}
    reports = [report for _ in range(2) for report in sites.run.ask("report", 2)["replies"]]
    questions = {name: _questions(folder) for name, folder in sites.folders.items()}
    return Told(reports, {name: asked[before[name] :] for name, asked in questions.items()})


def test_every_message_gets_a_process_of_its_own_with_the_approved_apps_modules(
    sites: Sites, told: Told
) -> None:
    assert len({report["pid"] for report in told.reports}) == 4
    for report in told.reports:
        installed = sites.installed(Path(report["site"]).parent.name)
        assert Path(report["audit"]).is_relative_to(installed)
        assert Path(report["federation.app"]).is_relative_to(installed)
        assert not Path(report["federation.gate"]).is_relative_to(installed)
        assert report["threads"] == 1
        assert report["writes_byte_code"] is False
        assert not list(installed.rglob("*.pyc"))


def test_the_gate_decides_at_every_message_in_a_process_with_the_sites_own_modules(
    told: Told,
) -> None:
    for questions in told.questions.values():
        assert len(questions) == 2
        assert all(Path(asked["audit"]).is_relative_to(INSTALLATION) for asked in questions)
        pids = {asked["pid"] for asked in questions}
        assert len(pids) == 2
        assert pids.isdisjoint(report["pid"] for report in told.reports)


def test_children_inherit_torchs_generator_so_privacy_noise_may_never_come_from_it(
    told: Told,
) -> None:
    """Two sites, two rounds, one fork server: the "random" numbers are the same four times."""
    assert len({report["pid"] for report in told.reports}) == 4
    assert len({report["torch"] for report in told.reports}) == 1


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


@pytest.mark.parametrize(
    "tampering",
    [
        {"north": "changed"},
        {"north": "added", "south": "byte code"},
        {"north": "deleted", "south": "linked"},
    ],
    ids=lambda tampering: ", ".join(tampering.values()),
)
def test_an_installed_app_that_was_tampered_with_between_messages_is_refused(
    sites: Sites, tampering: dict[str, str], tmp_path: Path
) -> None:
    sites.run.ask("report", 2)
    with ExitStack() as all_tampering:
        for name, kind in tampering.items():
            (sites.folders[name] / "loaded").unlink()
            all_tampering.enter_context(_tampered(sites.installed(name), kind, tmp_path))
        answer = sites.run.ask("report", 2)

    assert answer["errors"] == [REFUSED] * len(tampering)
    intact = [folder for name, folder in sites.folders.items() if name not in tampering]
    assert [Path(report["site"]) for report in answer["replies"]] == intact
    assert not any((sites.folders[name] / "loaded").exists() for name in tampering)


@contextmanager
def _tampered(installed: Path, kind: str, elsewhere: Path) -> Iterator[None]:
    """One way in which an installed app is not what was approved; as it was afterwards."""
    target = installed / "audit" / "__init__.py"
    original = target.read_bytes()
    planted = {
        "added": installed / "probe_app" / "extra.py",
        "byte code": installed / "probe_app" / "client.pyc",
    }.get(kind)
    try:
        if planted:
            planted.write_text("")
        elif kind == "changed":
            target.write_bytes(original + b"\n")
        else:
            target.unlink()
        if kind == "linked":
            (elsewhere / "same.py").write_bytes(original)
            target.symlink_to(elsewhere / "same.py")
        yield
    finally:
        for path in filter(None, (planted, target)):
            path.unlink(missing_ok=True)
        target.write_bytes(original)


@pytest.mark.parametrize(
    "modes",
    [{"north": "hang", "south": "die"}, {"north": "break"}],
    ids=lambda modes: ", ".join(modes.values()),
)
def test_a_gate_that_gives_no_clear_yes_is_a_refusal_that_tells_the_coordinator_nothing(
    sites: Sites, modes: dict[str, str]
) -> None:
    for name, mode in modes.items():
        (sites.folders[name] / "mode").write_text(mode)
    try:
        answer = sites.run.ask("report", 2)
    finally:
        for name in modes:
            (sites.folders[name] / "mode").unlink()

    assert answer["errors"] == [REFUSED] * len(modes)


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


def test_a_reply_that_cannot_be_read_is_silence_and_stops_nothing(sites: Sites) -> None:
    answer = sites.run.ask("garbage from north", 2, timeout=15)
    assert [Path(report["site"]) for report in answer["replies"]] == [sites.folders["south"]]
    assert (answer["errors"], answer["missing"]) == ([], 1)


def test_an_object_whose_storing_was_answered_with_a_no_is_pushed_again(
    sites: Sites, tmp_path: Path
) -> None:
    """As when the answer to a first request is lost, and Flower's second finds it stored."""
    fault = """
        import itertools
        client, turn, pushes = grid._runtime_client, itertools.count(), []
        store, push = client.PushObject, grid.push_messages
        def answered_no_once(request):
            is_first = next(turn) == 0  # two threads ask
            answer = store(request)
            answer.stored = answer.stored and not is_first
            return answer
        def noted(messages):
            try:
                return push(messages)
            finally:
                pushes.append([message.metadata.message_id for message in messages])
        client.PushObject, grid.push_messages = answered_no_once, noted
"""
    server = SERVER_APP.replace("        begun =", fault + "        begun =")
    server = server.replace('"asked": len(nodes)', '"asked": len(nodes), "pushes": pushes')
    others = {**APP_AUDIT, "probe_app/server.py": server}
    app = write_app(tmp_path / "probe", CLIENT_APP, others)
    _approve(sites, build_fab(app)[1])
    run = sites.federation.run(app)
    answer = run.ask("report", 2)
    run.stop()
    assert (len(answer["replies"]), answer["errors"], answer["missing"]) == (2, [], 0)
    # The same two messages again, by the same ids: no site is asked twice. An object that another
    # thread was storing meanwhile may be refused once more, and the third push finds it there.
    first, *again = answer["pushes"]
    assert len(set(first)) == 2 and "" not in first
    assert 1 <= len(again) <= 2 and all(ids == first for ids in again)


def _questions(folder: Path) -> list[dict[str, Any]]:
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
