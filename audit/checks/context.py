"""What the groups of checks share: the bundle, what was proven of it, and the findings so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from audit.bundle import Bundle
from audit.consent_state import StudyState
from audit.evidence import Evidence
from audit.proofs import Header
from audit.recipe import Recipe
from audit.report import Recorder
from chain.events import ContractName
from chain.messages import Domain, ledger_domain, registry_domain


@dataclass
class Context:
    """Filled group by group; a member that is None was not there or did not hold."""

    bundle: Bundle
    record: Recorder = field(default_factory=Recorder)
    evidence: Evidence | None = None
    header: Header | None = None
    running_hashes: dict[tuple[ContractName, int], bytes] = field(default_factory=dict)
    rho_spent: int | None = None
    state: StudyState | None = None
    recipes: dict[int, Recipe] = field(default_factory=dict)

    @property
    def study(self) -> int:
        return self.bundle.study

    @property
    def registry_domain(self) -> Domain:
        contracts = self.bundle.contracts
        return registry_domain(contracts.chain_id, contracts.registry)

    @property
    def ledger_domain(self) -> Domain:
        contracts = self.bundle.contracts
        return ledger_domain(contracts.chain_id, contracts.ledger)

    def address(self, contract: ContractName) -> str:
        """Where bundle.json says that a contract is."""
        contracts = self.bundle.contracts
        return {
            "StudyRegistry": contracts.registry,
            "ConsentToken": contracts.consent_token,
            "RoundLedger": contracts.ledger,
        }[contract]
