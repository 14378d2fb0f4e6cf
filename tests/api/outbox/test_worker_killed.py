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
    database_url: str,
    tmp_path: Path,
) -> None:
    outbox = make_outbox(database_url)
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
        kill_when("eth_getTransactionReceipt", answered=True)
        assert states() == {"sent"}
        with _worker(outbox, log) as process:
            deadline = time.monotonic() + 120
            while states() != {"confirmed"}:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            with pytest.raises(AnotherWorker):
                lock_worker(outbox.service.engine)
            process.terminate()
            assert process.wait(60) == 0, log.read_text()
    assert outbox.sent_nonces() == len(acts)
    assert patients.minted() == minted + len(acts)
    assert all(patients.token_of(act) for act in acts)
    lock_worker(outbox.service.engine).release()


def test_a_second_worker_is_refused_and_says_why(
    make_outbox: Callable[..., Outbox], database_url: str, tmp_path: Path
) -> None:
    outbox = make_outbox(database_url)
    lock = lock_worker(outbox.service.engine)
    log = tmp_path / "worker.log"
    with _worker(outbox, log) as process:
        assert process.wait(120) == 2
    assert "another worker runs on this database" in log.read_text()
    lock.ensure()
    lock.release()
