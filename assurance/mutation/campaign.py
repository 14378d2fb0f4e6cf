"""A run over many mutants: two at a time, resumable, and judged against what is accepted."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from assurance import tools
from assurance.mutation.mutants import Mutant, all_mutants, sample
from assurance.mutation.report import judged
from assurance.mutation.workshop import Verdict, Workshop
from assurance.outcome import CheckError, Outcome
from assurance.sources import OUT, ROOT, compiler_settings, runtime_codes

SAMPLE_SIZE = 300
SEED = 1
WORKERS = 2
LIMIT_SECONDS = 2 * 60 * 60
_STATE = OUT / "mutation"
#: The quick code generator, optimized, without metadata: enough to tell whether code differs.
_QUICK = {
    "evmVersion": compiler_settings()["evmVersion"],
    "optimizer": {"enabled": True, "runs": 200},
    "metadata": {"bytecodeHash": "none"},
}


def check(
    console: Console,
    *,
    everything: bool = False,
    tests_grew: bool = False,
    size: int = SAMPLE_SIZE,
    seed: int = SEED,
    limit: float = LIMIT_SECONDS,
) -> Outcome:
    """Tests a sample of the mutants, or all of them, and says which ones no test noticed.

    Stops after `limit` seconds; another call goes on where this one stopped, as long as neither
    contracts nor tests changed. With `tests_grew` what earlier tests killed stays killed, and only
    the others are tested again: right when tests were added and none taken away.
    Raises CheckError when mutants cannot be made or tested.
    """
    with tools.progress("Mutation: finding what may be changed (30 s)", console):
        found = all_mutants()
    chosen = found if everything else sample(found, size, seed)
    with _alone():
        state = _State(_STATE / f"{_contracts_hash()}.jsonl", _tests_hash(), tests_grew)
        _judge_all(chosen, state, console, limit)
    verdicts = {one: state.verdicts[_name(one)] for one in chosen if _name(one) in state.verdicts}
    return judged(chosen, verdicts, found)


class _State:
    """Verdicts so far, one JSON line each, so that a killed run loses none.

    A verdict counts for the tests that it was found with; with `tests_grew` also one that more
    tests cannot change.
    """

    def __init__(self, path: Path, tests: str, tests_grew: bool) -> None:
        self._path, self._tests, self._lock = path, tests, threading.Lock()
        self.verdicts: dict[str, str] = {}
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            if text and not text.endswith("\n"):
                path.write_text(text + "\n", encoding="utf-8")
            for line in text.splitlines():
                try:
                    entry = json.loads(line)
                    settled = tests_grew and entry["verdict"] != "survived"
                    if entry["tests"] == tests or settled:
                        self.verdicts[entry["mutant"]] = entry["verdict"]
                except (ValueError, KeyError, TypeError):
                    continue  # a run was killed while writing it

    def add(self, mutant: Mutant, verdict: str) -> None:
        with self._lock:
            self.verdicts[_name(mutant)] = verdict
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                entry = {"mutant": _name(mutant), "verdict": verdict, "tests": self._tests}
                file.write(json.dumps(entry) + "\n")


def _judge_all(chosen: list[Mutant], state: _State, console: Console, limit: float) -> None:
    waiting = [mutant for mutant in chosen if _name(mutant) not in state.verdicts]
    if not waiting:
        return
    started = time.monotonic()
    lock = threading.Lock()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("Mutation: preparing", total=len(chosen))
        bar.advance(task, len(chosen) - len(waiting))
        if not console.is_terminal:
            console.print(f"Mutation: {len(waiting)} of {len(chosen)} mutants to test")

        workshops = [Workshop(_STATE / f"worker-{number}") for number in range(WORKERS)]
        stop = threading.Event()

        def work(workshop: Workshop) -> None:
            workshop.prepare()
            while time.monotonic() - started < limit:
                with lock:
                    if not waiting:
                        return
                    mutant = waiting.pop()
                verdict = _verdict(workshop, mutant)
                if stop.is_set():
                    return
                state.add(mutant, verdict)
                bar.update(task, advance=1, description="Mutation: testing")

        _in_parallel(work, workshops, stop)


def _in_parallel(
    work: Callable[[Workshop], None], workshops: list[Workshop], stop: threading.Event
) -> None:
    """Until all are done, or one fails, or Ctrl-C: then the others are ended too."""
    with ThreadPoolExecutor(len(workshops)) as pool:
        futures = [pool.submit(work, workshop) for workshop in workshops]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            stop.set()
            for workshop in workshops:
                workshop.end()
            raise


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two runs would test in the same folders. The lock ends with the process."""
    _STATE.mkdir(parents=True, exist_ok=True)
    folder = os.open(_STATE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CheckError("Another run of the mutation testing is under way here.") from None
    finally:
        os.close(folder)


def _verdict(workshop: Workshop, mutant: Mutant) -> str:
    verdict: Verdict = workshop.judge(mutant)
    if verdict == "survived" and _is_equivalent(workshop.folder, mutant):
        return "equivalent"
    return verdict


def _is_equivalent(root: Path, mutant: Mutant) -> bool:
    """Whether the compiler makes the same code of it."""
    path = root / mutant.file
    original = path.read_bytes()
    before = _codes_as_they_are(root)
    path.write_bytes(mutant.text(original))
    try:
        return runtime_codes(root, _QUICK) == before
    finally:
        path.write_bytes(original)


@lru_cache
def _codes_as_they_are(root: Path) -> dict[str, str]:
    return runtime_codes(root, _QUICK)


def _name(mutant: Mutant) -> str:
    return f"{mutant.file}:{mutant.start}:{mutant.end}:{mutant.operator}:{mutant.new}"


def _contracts_hash() -> str:
    """Names contracts and Hardhat project as they are."""
    contracts = ROOT / "contracts"
    tests = contracts / "test"
    files = [path for path in contracts.rglob("*.sol") if not path.is_relative_to(tests)]
    return _hash_of([*files, ROOT / "hardhat-local" / "hardhat.config.ts"])


def _tests_hash() -> str:
    """Names the Solidity tests as they are."""
    return _hash_of((ROOT / "contracts" / "test").rglob("*.sol"))


def _hash_of(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
