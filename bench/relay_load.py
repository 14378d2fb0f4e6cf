"""The load of `bench.relay`: patients' apps, by locust, in a process of their own.

python -m bench.relay_load acts HOST ACTS.json RESULT.json --users 8 --rate 40
python -m bench.relay_load reads HOST PATHS.json RESULT.json --users 8 --rate 100 --seconds 8

Reads are cached ones: each asks with the ETag that it was given last (`If-None-Match`).
"""

import gevent.monkey

gevent.monkey.patch_all()

import argparse  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from locust import FastHttpUser, task  # noqa: E402
from locust.env import Environment  # noqa: E402


def main() -> None:
    """Runs one load and writes every answer's milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["acts", "reads"])
    parser.add_argument("host")
    parser.add_argument("what", type=Path, help="JSON list: bodies of acts, or paths to read")
    parser.add_argument("result", type=Path)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0.0, help="a second in all; 0: no limit")
    parser.add_argument("--seconds", type=float, default=8.0, help="of reading")
    parser.add_argument("--warm", type=float, default=1.0, help="seconds of reading left out")
    given = parser.parse_args()
    what = json.loads(given.what.read_text())
    tags: dict[str, str] = {}
    chance = random.Random(1)  # the same arrivals with the writer on and off

    class Patient(FastHttpUser):
        host = given.host
        # Patients know nothing of each other: independent arrivals (Poisson), not all in step.
        wait_time = (
            (lambda _self: chance.expovariate(given.rate / given.users))
            if given.rate
            else lambda _self: 0.0
        )

        def on_start(self) -> None:
            gevent.sleep(self.wait_time())

        @task
        def act(self) -> None:
            if given.kind == "reads":
                self.read(chance.choice(what))
            elif what:
                self.client.post("/v1/acts", data=what.pop(), headers=_JSON)
            else:
                gevent.sleep(0.05)

        def read(self, path: str) -> None:
            headers = {"If-None-Match": tags[path]} if path in tags else {}
            answer = self.client.get(path, headers=headers)
            if answer.headers is not None and "ETag" in answer.headers:
                tags[path] = answer.headers["ETag"]

    environment = Environment(user_classes=[Patient])
    runner = environment.create_local_runner()
    taken: list[float] = []
    failures: list[str] = []
    statuses: Counter[int] = Counter()
    count, began = len(what), time.monotonic()
    warm_until = began + (given.warm if given.kind == "reads" else 0.0)

    def heard(response_time: float, exception: Any, response: Any, **_: Any) -> None:
        if exception is not None:
            failures.append(f"{exception} {getattr(response, 'text', '')}"[:300])
        elif time.monotonic() >= warm_until:
            taken.append(response_time)
            statuses[response.status_code] += 1

    environment.events.request.add_listener(heard)
    runner.start(given.users, spawn_rate=given.users)
    until = warm_until + given.seconds
    while not failures and (
        len(taken) < count if given.kind == "acts" else time.monotonic() < until
    ):
        gevent.sleep(0.02)
    seconds = time.monotonic() - warm_until
    runner.quit()
    told = {
        "seconds": seconds,
        "milliseconds": taken,
        "statuses": statuses,
        "failures": failures[:5],
    }
    given.result.write_text(json.dumps(told))


_JSON = {"Content-Type": "application/json"}

if __name__ == "__main__":
    main()
