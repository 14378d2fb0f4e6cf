"""The product's own rounds: chain, IPFS, SuperLink, fork server and gate as `assent demo` runs
them, with real records (pbcseq) and patients who grant.
"""

from __future__ import annotations

import json
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from audit.cid import cid_of
from bench.overhead.messages import a_message
from bench.overhead.plain import write_granted
from bench.overhead.usage import Usage, a_round
from chain.messages import Purpose
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from federation.gate.records.datasets.pbcseq import PbcSite, read_pbcseq, split_sites
from federation.gate.records.datasets.pbcseq_files import write_fhir
from federation.gate.records.fhir import load_fhir
from federation.gate.records.store import RecordStore
from federation.planning.design import StudyDesign
from scripts.demo.patients import Choice, PatientActs, choice_of
from scripts.local.federation import LocalFederation
from scripts.local.layout import Layout
from stack.process import ProcessGroup
from twin.log_linear import LogLinearModel

PHASES = ("open", "commit", "seal", "deliver", "close")
"""What ends each: the ledger's Opened, the last site's commitment, the seal, the last delivery, the
closed round (sum, step, IPFS, manifest and transaction)."""


@dataclass(frozen=True)
class Audited:
    """``rounds``: seconds from close to close, and of each phase; ``units``: seconds that one chain
    read, one transaction's receipt and one IPFS object take; ``cpu``: CPU seconds a round, by what
    they are for; ``message``: those of one site's message; ``peak_mib``: memory; ``sites``: folders
    with records.
    """

    rounds: list[dict[str, float]]
    units: dict[str, float]
    cpu: dict[str, float]
    message: dict[str, float]
    peak_mib: float
    sites: dict[str, Path]
    patients: int


def sites_of(count: int) -> list[PbcSite]:
    """pbcseq's five sites, or so many equal shares."""
    if count == 5:
        return list(split_sites(read_pbcseq()))
    patients = read_pbcseq()
    return [PbcSite(f"site-{n + 1}", tuple(patients[n::count])) for n in range(count)]


def audited_rounds(folder: Path, site_count: int, rounds: int, keep: Path) -> Audited:
    """Runs one round more than asked, and leaves out the first, which installs the app.

    ``keep``: where each site's records are copied for the plain runs. Raises SystemExit when the
    rounds did not close.
    """
    with _study(folder, site_count, rounds, keep) as (federation, study, sites, patients):
        print("    rounds", flush=True)
        progress = federation.layout.coordinator / "progress.jsonl"
        with Usage() as usage, _at_closes(progress, rounds + 1, usage) as used:
            run = federation.run_rounds("overhead", rounds=rounds + 1)
        notes = _notes(progress)
        closed = [note for note in notes if note["phase"] == "closed"]
        if not run.succeeded or len(closed) != rounds + 1:
            raise SystemExit(f"{run}: {len(closed)} rounds closed; see {federation.layout.logs}")
        return Audited(
            [_phases(notes, before, after) for before, after in pairwise(closed)],
            _units(federation, study),
            a_round(used[0], used[-1], rounds),
            a_message(federation.services.fork_server.log_path, site_count),
            usage.peak_mib,
            sites,
            patients,
        )


@contextmanager
def _study(
    folder: Path, site_count: int, rounds: int, keep: Path
) -> Iterator[tuple[LocalFederation, int, dict[str, Path], int]]:
    sites = sites_of(site_count)
    names = [site.name for site in sites]
    design = StudyDesign(
        clipping_norm=CLIP_NORM,
        rounds=rounds + 3,
        min_cohort=2,
        min_sites=site_count - 1,
        tolerated_colluders=1,
        undertakings=Purpose.NOT_FOR_PROFIT,
    )
    with ProcessGroup() as group:
        federation = LocalFederation(Layout(folder / "state"), group, names)
        print("    start", flush=True)
        federation.start_services()
        federation.deploy()
        keys = {name: federation.make_site(name) for name in names}
        ids, kept, patients = {}, {}, 0
        for site in sites:
            ids[site.name] = _load(federation, site)
            chosen = [one for one in ids[site.name] if choice_of(one) is Choice.TRAINING]
            patients += len(chosen)
            kept[site.name] = _keep(federation.layout.site(site.name), keep / site.name, chosen)
        recipe = recommended_recipe(LogLinearModel())
        documents = federation.make_documents(b"protocol", {"en": "I agree."}, b"DPIA", recipe)
        study = federation.propose(design, documents, [one.public.account for one in keys.values()])
        federation.approve(study)
        print("    grants", flush=True)
        PatientActs(federation, study).grant_all((name, ids[name]) for name in names)
        yield federation, study, kept, patients


def _load(federation: LocalFederation, site: PbcSite) -> list[str]:
    folder = federation.layout.site(site.name)
    export = folder / "export"
    write_fhir(site, export)
    with RecordStore.open(folder / "records.db") as store:
        load_fhir(store, export)
        found = store.record_ids()
    shutil.rmtree(export)
    return found


def _keep(folder: Path, kept: Path, record_ids: list[str]) -> Path:
    kept.mkdir(parents=True, mode=0o700)
    shutil.copy(folder / "records.db", kept / "records.db")
    write_granted(kept, record_ids)
    return kept


@contextmanager
def _at_closes(progress: Path, rounds: int, usage: Usage) -> Iterator[list[dict[str, float]]]:
    """CPU seconds as they were when the first and when the last round closed."""
    used: list[dict[str, float]] = []
    over = threading.Event()

    def watch() -> None:
        for wanted in (1, rounds):
            while not over.is_set():
                if progress.exists() and progress.read_text().count('"closed"') >= wanted:
                    used.append(usage.cpu())
                    break
                time.sleep(0.1)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield used
        watching.join(10)
    finally:
        over.set()


def _notes(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _phases(
    notes: list[dict[str, Any]], before: dict[str, Any], after: dict[str, Any]
) -> dict[str, float]:
    own = [note for note in notes if note["round"] == after["round"]]

    def last(phase: str) -> float:
        return max(float(note["time"]) for note in own if note["phase"] == phase)

    ends = [last(phase) for phase in ("opened", "committed", "sealed", "delivered", "closed")]
    begins = [float(before["time"]), *ends[:-1]]
    seconds = [end - begin for begin, end in zip(begins, ends, strict=True)]
    return {**dict(zip(PHASES, seconds, strict=True)), "seconds": sum(seconds)}


def _units(federation: LocalFederation, study: int) -> dict[str, float]:
    chain = federation.connect()
    last = chain.ledger.last_closed(study)
    data = bytes(1000)
    return {
        "chain read": _median(lambda: chain.ledger.round(study, last)),
        "IPFS object stored": _median(lambda: federation.store.put(data)),
        "IPFS object read": _median(lambda: federation.store.get(cid_of(data))),
    }


def _median(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(11):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
