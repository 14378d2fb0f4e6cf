"""A study as W3C PROV: what each checkpoint was made from, by whom, under which approved terms.

PROV-DM (W3C Recommendation, 30 April 2013) in PROV-JSON (W3C Member Submission, 24 April 2013).
Names are those of the FHIR resources: accounts by CAIP-10, rounds by STUDY/ROUND at the ledger's;
an object or document is named by its CID, so that a reader can find it in the bundle or on IPFS.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prov.model import ProvDocument

from audit.fields import hex_of
from audit.history import VersionFacts
from audit.manifest import Contracts
from audit.round_state import Moment, RoundFacts
from study.data_use_text import describe_disease, describe_purposes
from study.evidence_facts import StudyFacts

_DOCUMENTS = {
    "protocol": "protocol_hash",
    "consent text": "consent_text_hash",
    "impact assessment": "dpia_hash",
    "training app": "app_hash",
    "recipe": "recipe_hash",
}


def prov_json(contracts: Contracts, facts: StudyFacts) -> str:
    """The PROV-JSON document of a proven history; the same history gives the same text."""
    return str(prov_document(contracts, facts).serialize(indent=1))


def prov_document(contracts: Contracts, facts: StudyFacts) -> ProvDocument:
    """As `prov_json`, for programs that go on with it."""
    return _Writer(contracts, facts).write()


def object_name(facts: StudyFacts, digest: bytes) -> str:
    """How the document names an object or a document by the 32 bytes that do: as its CID."""
    return f"ipfs:{facts.cid(digest)}"


def round_name(number: int) -> str:
    return f"study:{number}"


class _Writer:
    """Writes one document, part by part."""

    def __init__(self, contracts: Contracts, facts: StudyFacts) -> None:
        self.facts, self.history = facts, facts.state.history
        accounts = f"eip155:{contracts.chain_id}:"
        self.document = ProvDocument()
        self.document.add_namespace("account", accounts)
        self.document.add_namespace(
            "terms", f"{accounts}{contracts.registry}/{self.history.study_id}/"
        )
        self.document.add_namespace(
            "study", f"{accounts}{contracts.ledger}/{self.history.study_id}/"
        )
        self.document.add_namespace("assent", f"{accounts}{contracts.ledger}#")
        self.document.add_namespace("ipfs", "ipfs://")

    def write(self) -> ProvDocument:
        self._agents()
        for version in self.history.versions.values():
            self._version(version)
        for facts in self.facts.rounds:
            self._round(facts)
        self._rollbacks()
        return self.document

    def _agents(self) -> None:
        roles: dict[str, set[str]] = {}
        for version in self.history.versions.values():
            roles.setdefault(version.terms.coordinator, set()).add("coordinator")
            for site in version.terms.sites:
                roles.setdefault(site, set()).add("site")
        for committee in self.history.committees:
            for reviewer in committee.reviewers:
                roles.setdefault(reviewer, set()).add("reviewer")
        if self.history.sponsor:
            roles.setdefault(self.history.sponsor, set()).add("sponsor")
        for address, names in roles.items():
            organisation = bool(names & {"site", "coordinator", "sponsor"})
            kind = "prov:Organization" if organisation else "prov:Person"
            said: list[tuple[str, Any]] = [("prov:type", self.document.valid_qualified_name(kind))]
            said += [("assent:role", name) for name in sorted(names)]
            self.document.agent(f"account:{address}", said)

    def _version(self, version: VersionFacts) -> None:
        document, terms = self.document, version.terms
        name = f"terms:{version.version}"
        document.entity(
            name,
            [
                ("prov:type", self._kind("terms")),
                ("prov:type", document.valid_qualified_name("prov:Plan")),
                ("prov:type", document.valid_qualified_name("prov:Collection")),
                ("prov:label", f"terms, version {version.version}"),
                ("assent:terms_hash", hex_of(version.terms_hash)),
                ("assent:purposes", "; ".join(describe_purposes(terms.purposes))),
                ("assent:disease", describe_disease(terms.disease)),
                ("assent:rho_ceiling", str(terms.rho_ceiling)),
                ("assent:delta", str(terms.delta)),
            ],
        )
        if self.history.sponsor:
            document.wasAttributedTo(name, f"account:{self.history.sponsor}")
        for label, member in _DOCUMENTS.items():
            held = self._object(getattr(terms, member), label)
            document.hadMember(name, held)
        initial = self._object(terms.initial_checkpoint, "initial checkpoint")
        document.hadMember(name, initial)
        for number, approval in enumerate(version.approvals, start=1):
            act = f"terms:{version.version}/approval/{number}"
            when = _when(approval.moment)
            expires = datetime.fromtimestamp(approval.expires_at, UTC).isoformat()
            said = {"prov:type": self._kind("approval"), "assent:expires": expires}
            document.activity(act, when, when, said)
            document.used(act, name, when)
            self._part(act, approval.reviewer, "reviewer")

    def _round(self, facts: RoundFacts) -> None:
        document, opened, name = self.document, facts.opened, round_name(facts.number)
        ended = _when(facts.over_at) if facts.over_at else None
        said: dict[str, Any] = {
            "prov:type": self._kind("round"),
            "prov:label": f"round {facts.number}",
            "assent:state": self.facts.state_of(facts),
        }
        if facts.sealed:
            sizes = (one.commitment.cohort_size for one in facts.sealed_commitments())
            said["assent:cohort_size"] = sum(sizes)
            said["assent:rho"] = str(facts.sealed.rho)
            said["assent:rho_spent"] = str(facts.sealed.rho_spent)
        document.activity(name, _when(facts.opened_at), ended, said)
        document.used(name, f"terms:{opened.version}", _when(facts.opened_at))
        document.used(name, object_name(self.facts, opened.base), _when(facts.opened_at))
        coordinator = self.history.versions[opened.version].terms.coordinator
        self._part(name, coordinator, "coordinator", f"terms:{opened.version}")
        for member in facts.sealed.members if facts.sealed else ():
            self._part(name, member, "site")
        if facts.closed is not None:
            self._closed(facts)

    def _closed(self, facts: RoundFacts) -> None:
        assert facts.closed is not None and facts.sealed is not None
        document, name = self.document, round_name(facts.number)
        over = _when(facts.over_at) if facts.over_at else None
        for member, digest in zip(facts.sealed.members, facts.closed.masked_hashes, strict=True):
            masked = self._object(digest, f"masked vector of round {facts.number}")
            document.wasAttributedTo(masked, f"account:{member}")
            document.used(name, masked)
        made = self._object(facts.closed.checkpoint_hash, f"checkpoint of round {facts.number}")
        manifest = self._object(facts.closed.manifest_hash, f"manifest of round {facts.number}")
        document.wasGeneratedBy(made, name, over)
        document.wasGeneratedBy(manifest, name, over)
        document.wasDerivedFrom(made, object_name(self.facts, facts.opened.base), name)

    def _rollbacks(self) -> None:
        for rollback in self.history.rollbacks:
            event, when = rollback.event, _when(rollback.moment)
            act = f"study:rollback/{event.rollbacks}"
            said: dict[str, Any] = {
                "prov:type": self._kind("rollback"),
                "assent:to_round": event.to_round,
            }
            self.document.activity(act, when, when, said)
            for number in self.history.lineage(event.from_round):
                closed = self.history.rounds[number].closed if number > event.to_round else None
                if closed is not None:
                    self.document.wasInvalidatedBy(
                        object_name(self.facts, closed.checkpoint_hash), act, when
                    )

    def _part(self, act: str, address: str, role: str, plan: str | None = None) -> None:
        other = {"prov:role": self._kind(role)}
        self.document.wasAssociatedWith(act, f"account:{address}", plan, other_attributes=other)

    def _kind(self, name: str) -> Any:
        """A word of this vocabulary as a qualified name: a string would be no type to a reader."""
        return self.document.valid_qualified_name(f"assent:{name}")

    def _object(self, digest: bytes, label: str) -> str:
        name = object_name(self.facts, digest)
        if not self.document.get_record(name):
            said = {"prov:label": label}
            if digest not in self.facts.large:  # of those it is their root's, not their bytes'
                said["assent:sha256"] = digest.hex()
            self.document.entity(name, said)
        return name


def _when(moment: Moment) -> datetime:
    return datetime.fromtimestamp(moment.time, UTC)
