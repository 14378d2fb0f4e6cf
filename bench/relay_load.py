"""The load of `bench.relay`: patients' apps, by locust, in a process of their own.

python -m bench.relay_load acts HOST ACTS.json RESULT.json --users 8 --rate 40
python -m bench.relay_load reads HOST PATH RESULT.json --users 4 --seconds 10
"""

import gevent.monkey

gevent.monkey.patch_all()

import argparse  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import time  # noqa: E402
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
    parser.add_argument("what")
    parser.add_argument("result", type=Path)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--rate", type=float, default=0.0, help="a second in all; 0: no limit")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    bodies = json.loads(Path(given.what).read_text()) if given.kind == "acts" else []
    known: dict[str, str] = {}
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
                answer = self.client.get(given.what, headers=dict(known))
                if answer.headers is not None and "ETag" in answer.headers:
                    known["If-None-Match"] = answer.headers["ETag"]
            elif bodies:
                self.client.post("/v1/acts", data=bodies.pop(), headers=_JSON)
            else:
                gevent.sleep(0.05)

    environment = Environment(user_classes=[Patient])
    runner = environment.create_local_runner()
    taken: list[float] = []
    failures: list[str] = []

    def heard(response_time: float, exception: Any, response: Any, **_: Any) -> None:
        taken.append(response_time)
        if exception is not None:
            failures.append(f"{exception} {getattr(response, 'text', '')}"[:300])

    environment.events.request.add_listener(heard)
    count, began = len(bodies), time.time()
    runner.start(given.users, spawn_rate=given.users)
    while (given.kind == "acts" and len(taken) < count) or (
        given.kind == "reads" and time.time() < began + given.seconds
    ):
        gevent.sleep(0.02)
    seconds = time.time() - began
    runner.quit()
    given.result.write_text(
        json.dumps({"seconds": seconds, "milliseconds": taken, "failures": failures[:5]})
    )


_JSON = {"Content-Type": "application/json"}

if __name__ == "__main__":
    main()
