"""Pages of a site's cohort over HTTP, at a thousand tokens and at a hundred thousand.

    python -m bench.cohorts --tokens 1000 100000 --out cohorts.json

A Hardhat node and the service's web process. Pages are asked for at places drawn at random. Beside
each, in the same run, stands the same page asked of the node alone (one eth_call): the ratio is
what the service adds. Milliseconds are as the client sees them. Granting takes minutes.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from api.http.paging import cursor
from assurance.gas.crowd import Crowd
from assurance.gas.node import GasNode
from assurance.gas.study import Contracts, Study, start_study
from chain.chain import Chain
from stack.ports import HOST, free_port
from stack.process import ProcessGroup
from stack.service import ServiceProcesses

PAGE = 200
ASKED = 200


def measure(ask: Callable[[], Any], count: int) -> dict[str, float]:
    """Milliseconds of `count` calls one after another."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - began))
    cuts = statistics.quantiles(taken, n=100)
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def compare(client: httpx.Client, chain: Chain, study: Study, tokens: int) -> dict[str, Any]:
    """Pages of the service and of the node at the newest block."""
    site, block = study.sites[0].address, chain.head()
    draw = random.Random(1)
    at = block.timestamp
    path = f"/v1/studies/{study.number}/sites/{site}/cohort"
    purposes = study.terms.purposes

    def place() -> int:
        return draw.randrange(max(1, tokens - PAGE))

    def of_service() -> None:
        after = cursor(block.number, block.hash.hex(), str(purposes), at, place())
        answer = client.get(path, params={"limit": PAGE, "after": after})
        assert len(answer.raise_for_status().json()["items"]) == PAGE

    def of_node() -> None:
        found = chain.consent.active_tokens(
            study.number, site, purposes, at, place(), PAGE, block=block.number
        )
        assert len(found[0]) == PAGE

    of_service(), of_node()
    service, node = measure(of_service, ASKED), measure(of_node, ASKED)
    ratio = {name: service[name] / node[name] for name in service}
    return {"tokens": tokens, "service_ms": service, "node_ms": node, "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as name, GasNode() as node, ProcessGroup() as group:
        folder = Path(name)
        contracts = Contracts(node)
        study = start_study(contracts, 1, contracts.register_sites(range(5)))
        crowd = Crowd(contracts)
        contracts.deployment.save(folder / "deployment.json")
        port = free_port()
        settings = {
            "RPC_URL": node.hardhat.rpc_url,
            "DEPLOYMENT": str(folder / "deployment.json"),
            "DATABASE_URL": f"sqlite:///{folder / 'api.db'}",
            "PORT": str(port),
            "REQUESTS_PER_MINUTE": "10000000",
        }
        environment = {f"ASSENT_API_{key}": value for key, value in settings.items()}
        service = ServiceProcesses(environment, folder / "logs", f"http://{HOST}:{port}")
        group.start(service.web)
        service.wait_until_answering()
        chain = Chain.connect(node.hardhat.rpc_url, contracts.deployment)
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=60) as client:
            for tokens in sorted(chosen.tokens):
                print(f"granting up to {tokens:,} tokens", flush=True)
                crowd.fill(study, study.sites[0], tokens)
                found.append(compare(client, chain, study, tokens))
                shown = found[-1]
                for who in ("service_ms", "node_ms", "ratio"):
                    figures = "  ".join(f"{k} {v:7.2f}" for k, v in shown[who].items())
                    print(f"  {who:10}  {figures}", flush=True)
    growth = found[-1]["service_ms"]["p50"] / found[0]["service_ms"]["p50"]
    print(f"a page at {found[-1]['tokens']:,} tokens takes {growth:.2f} of one at", end=" ")
    print(f"{found[0]['tokens']:,}")
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
