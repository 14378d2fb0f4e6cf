"""Acts brought to a service and carried until they are over."""

from __future__ import annotations

import time
from typing import Any

from fastapi.testclient import TestClient

from api.outbox.relayer import Relayer
from api.outbox.states import OVER
from chain.signed_act import SignedAct


def bring(client: TestClient, act: SignedAct, headers: dict[str, str] | None = None) -> str:
    """The id of an act that is accepted."""
    answer = client.post("/v1/acts", json=act.to_json(), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def told_of(client: TestClient, act_id: str) -> Any:
    """How far it has come."""
    return client.get(f"/v1/acts/{act_id}").json()


def relay(relayer: Relayer, client: TestClient, *act_ids: str, most: int = 1000) -> list[Any]:
    """Until all are over, in so many passes at most."""
    for _ in range(most):
        relayer.run_once()
        found = [told_of(client, act_id) for act_id in act_ids]
        if all(one["state"] in OVER for one in found):
            return found
        time.sleep(0.01)  # asking without a pause meets the service's limit of requests
    raise AssertionError(f"not over after {most} passes: {[one['state'] for one in found]}")
