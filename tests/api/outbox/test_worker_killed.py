"""A worker process that is killed (-9) at any line loses nothing and sends nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.worker_lock import AnotherWorker, lock_worker
from stack.binaries import ROOT
from tests.api.outbox.acts import Outbox, Patients, browser
from tests.api.outbox.rpc_gate import RpcGate


@contextmanager
def _worker(outbox: Outbox, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = outbox.service.settings
    environment = {
        "ASSENT_API_RPC_URL": str(settings.rpc_url),
        "ASSENT_API_DEPLOYMENT": str(settings.deployment),
        "ASSENT_API_DATABASE_URL": settings.database_url.get_secret_value(),
        "ASSENT_API_RELAYER_KEY": str(settings.relayer_key),
        "PYTHONPATH": str(ROOT),
    }
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "api.worker"],
            env=os.environ | environment,
            stderr=file,
            stdout=file,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_killed_at_every_step_it_still_carries_each_act_exactly_once(
    make_outbox: Callable[..., Outbox],
    patients: Patients,
    gate: RpcGate,
    tmp_path: Path,
) -> None:
    outbox = make_outbox(f"sqlite:///{tmp_path / 'api.db'}")
    log = tmp_path / "worker.log"
    acts = [patients.grant() for _ in range(3)]
    minted = patients.minted()
    with browser(outbox.service) as client:
        paths = [client.post("/v1/acts", json=act.to_json()).headers["location"] for act in acts]

        def states() -> set[str]:
            return {client.get(path).json()["state"] for path in paths}

        def kill_when(method: str, *, answered: bool) -> None:
            """Kills a fresh worker before the node gets a request, or before it gets the answer."""
            with _worker(outbox, log) as process:

                def strike(methods: list[str]) -> None:
                    if method in methods:
                        process.kill()
                        process.wait()
                        if not answered:
                            raise ConnectionError

                setattr(gate, "after" if answered else "before", strike)
                assert process.wait(120) == -signal.SIGKILL, log.read_text()
                gate.before = gate.after = lambda methods: None

        # Between accepting and signing.
        kill_when("eth_maxPriorityFeePerGas", answered=False)
        assert (states(), outbox.sent_nonces()) == ({"accepted"}, 0)
        # Signed and kept, not sent.
        kill_when("eth_sendRawTransaction", answered=False)
        assert (states(), outbox.sent_nonces()) == ({"sent"}, 0)
        # Sent and mined, and it never learned of that.
        kill_when("eth_sendRawTransaction", answered=True)
        assert (states(), outbox.sent_nonces()) == ({"sent"}, len(acts))
        with _worker(outbox, log) as process:
            deadline = time.monotonic() + 120
            while states() != {"confirmed"}:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            with _worker(outbox, tmp_path / "second.log") as second:
                assert second.wait(120) == 2
            assert "another worker runs on this database" in (tmp_path / "second.log").read_text()
            process.terminate()
            assert process.wait(60) == 0, log.read_text()
    assert outbox.sent_nonces() == len(acts)
    assert patients.minted() == minted + len(acts)
    assert all(patients.token_of(act) for act in acts)


def test_a_second_worker_is_refused_until_the_first_has_ended(
    make_outbox: Callable[..., Outbox], database_url: str
) -> None:
    engine = make_outbox(database_url).service.engine
    lock = lock_worker(engine)
    with pytest.raises(AnotherWorker):
        lock_worker(engine)
    lock.ensure()
    lock.release()
    lock_worker(engine).release()
