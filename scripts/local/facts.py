"""What `assent up` and `assent status` tell: processes, chain, contracts, studies, sites."""

from __future__ import annotations

import json
from typing import Any

from chain.chain import Chain
from chain.deployment import Deployment
from chain.errors import ChainError
from chain.events import CONTRACT_NAMES
from federation.app.chain_facts import chain_time
from scripts.local import supernodes
from scripts.local.chains import refuse_chain_behind, shown_address
from scripts.local.layout import Layout
from scripts.local.running import recorded
from scripts.local.settings import Settings
from stack.flower_run import FlowerError
from stack.ports import HOST

_STATUS_SECONDS = 10.0


def rpc_url(settings: Settings) -> str:
    """The chain's JSON-RPC address."""
    return settings.chain if settings.is_external else f"http://{HOST}:{settings.ports['chain']}"


def ipfs_api(settings: Settings) -> str:
    """The IPFS node's multiaddress."""
    return f"/ip4/{HOST}/tcp/{settings.ports['ipfs']}/http"


def service_url(settings: Settings) -> str:
    """The HTTP service's address; a name and no number, as passkeys want."""
    return f"http://localhost:{settings.ports['service']}"


def processes(layout: Layout) -> list[dict[str, Any]]:
    """Each process that was left running: name, pid, log, and whether it is there."""
    return [
        {"name": one.name, "pid": one.pid, "log": one.log_path, "running": one.is_running}
        for one in recorded(layout)
    ]


def chain_facts(layout: Layout, settings: Settings) -> dict[str, Any]:
    """Head, contracts and studies; `error` says in words why they cannot be trusted or read."""
    url = rpc_url(settings)
    facts: dict[str, Any] = {
        "rpc_url": shown_address(url),
        "kind": "external" if settings.is_external else settings.chain,
        "deployment": str(layout.deployment),
        "contracts": {},
        "head": None,
        "studies": [],
        "error": None,
    }
    if not layout.deployment.exists():
        facts["error"] = "no contracts are deployed: `assent up` did not come that far"
        return facts
    deployment = Deployment.load(layout.deployment)
    facts["chain_id"] = deployment.chain_id
    facts["contracts"] = {name: deployment.address(name) for name in CONTRACT_NAMES}
    try:
        refuse_chain_behind(layout, url)
        chain = Chain.connect(url, deployment, timeout=_STATUS_SECONDS)
        head = chain.head()
        facts["head"] = {
            "number": head.number,
            "hash": "0x" + head.hash.hex(),
            "timestamp": head.timestamp,
        }
        count = chain.registry.study_count()
        facts["studies"] = [_study(chain, number + 1) for number in range(count)]
    except ChainError as error:
        facts["error"] = str(error)
    return facts


def site_facts(layout: Layout, settings: Settings, superlink_runs: bool) -> list[dict[str, Any]]:
    """Each site: name, account, folder, and whether the SuperLink counts it as connected.

    `connected` is None when the SuperLink cannot be asked.
    """
    seen: dict[int, str] | None = None
    if superlink_runs:
        try:
            seen = supernodes.states(layout.superlink / "flower")
        except FlowerError:
            seen = None
    ids = supernodes.admitted(layout.admitted)
    return [
        {
            "name": name,
            "account": _account(layout, name),
            "folder": str(layout.site(name)),
            "connected": None if seen is None else seen.get(ids.get(name, -1)) == supernodes.ONLINE,
        }
        for name in settings.sites
    ]


def _study(chain: Chain, number: int) -> dict[str, Any]:
    study = chain.registry.study(number)
    version = study.current_version
    terms = chain.registry.terms(number, version or study.proposed_version)
    spent = chain.ledger.rho_spent(number)
    states = [
        chain.ledger.round(number, one + 1).state.name.lower()
        for one in range(chain.ledger.round_count(number))
    ]
    return {
        "study": number,
        "version": version,
        "suspended": study.suspended,
        "approved_until": study.approved_until or None,
        "approval_expired": version > 0 and study.approved_until <= chain_time(chain),
        "rounds": states,
        "rho_ceiling": str(terms.rho_ceiling),
        "rho_spent": str(spent),
        "rho_left": str(terms.rho_ceiling - spent),
    }


def _account(layout: Layout, name: str) -> str | None:
    try:
        public = json.loads((layout.site(name) / "keys" / "public.json").read_text())
        return str(public["account"])
    except (OSError, ValueError, KeyError):
        return None
