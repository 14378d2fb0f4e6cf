"""A worker process that is killed (-9) at any line loses nothing and sends nothing twice."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from api.worker_lock import AnotherWorker, lock_worker
from tests.api.outbox.acts import Outbox, Patients, browser
from tests.api.outbox.processes import process
from tests.api.outbox.rpc_gate import RpcGate


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
            with process("api.worker", outbox, log) as worker:

                def strike(methods: list[str]) -> None:
                    if method in methods:
                        worker.kill()
                        worker.wait()
                        if not answered:
                            raise ConnectionError

                setattr(gate, "after" if answered else "before", strike)
                assert worker.wait(120) == -signal.SIGKILL, log.read_text()
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
        with process("api.worker", outbox, log) as worker:
            deadline = time.monotonic() + 120
            while states() != {"confirmed"}:
                assert worker.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            # Whoever brings an act waits for the web process, and nobody for the worker.
            mine, its = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (0, worker.pid))
            assert its == min(19, mine + outbox.service.settings.worker_niceness) > mine
            with process("api.worker", outbox, tmp_path / "second.log") as second:
                assert second.wait(120) == 2
            assert "another worker runs on this database" in (tmp_path / "second.log").read_text()
            worker.terminate()
            assert worker.wait(60) == 0, log.read_text()
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
