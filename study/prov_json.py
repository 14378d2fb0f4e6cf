"""A study as W3C PROV: what each checkpoint was made from, by whom, under which approved terms.

PROV-DM (W3C Recommendation, 30 April 2013) in PROV-JSON (W3C Member Submission, 24 April 2013).
Names are those of the FHIR resources: accounts by CAIP-10, rounds by STUDY/ROUND at the ledger's;
an object or document is named by its CID, so that a reader can find it in the bundle or on IPFS.
"""

from __future__ import annotations

from typing import Any

from prov.model import ProvDocument

from audit.fields import hex_of
from audit.history import VersionFacts
from audit.manifest import Contracts
from audit.round_state import Moment, RoundFacts
from audit.times import date_time
from study.data_use_text import describe_disease, describe_purposes
from study.evidence_facts import StudyFacts
from study.prov_acts import (
    round_name,
    when,
    write_bars,
    write_commitments,
    write_consents,
    write_questions,
    write_rollbacks,
    write_standing,
)

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
    return ProvWriter(contracts, facts).write()


def object_name(facts: StudyFacts, digest: bytes) -> str:
    """How the document names an object or a document by the 32 bytes that do: as its CID."""
    return f"ipfs:{facts.cid(digest)}"


class ProvWriter:
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
        write_standing(self)
        write_consents(self)
        write_rollbacks(self)
        write_bars(self)
        write_questions(self)
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
            if (keys := len(self.history.sites.get(address, []))) > 1:
                said.append(("assent:enrolment_keys", keys))
            self.document.agent(f"account:{address}", said)

    def _version(self, version: VersionFacts) -> None:
        document, terms = self.document, version.terms
        name = f"terms:{version.version}"
        document.entity(
            name,
            [
                ("prov:type", self.kind("terms")),
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
        if version.version > 1:
            revision = {"prov:type": document.valid_qualified_name("prov:Revision")}
            before = f"terms:{version.version - 1}"
            document.wasDerivedFrom(name, before, other_attributes=revision)
        if self.history.sponsor:
            act = f"terms:{version.version}/proposal"
            self.act(act, "proposal", version.proposed)
            document.wasGeneratedBy(name, act, when(version.proposed))
            self.part(act, self.history.sponsor, "sponsor")
            document.wasAttributedTo(name, f"account:{self.history.sponsor}")
        for label, member in _DOCUMENTS.items():
            held = self.object(getattr(terms, member), label)
            document.hadMember(name, held)
        initial = self.object(terms.initial_checkpoint, "initial checkpoint")
        document.hadMember(name, initial)
        for number, approval in enumerate(version.approvals, start=1):
            act = f"terms:{version.version}/approval/{number}"
            at = when(approval.moment)
            expires = date_time(approval.expires_at).isoformat()
            said = {"prov:type": self.kind("approval"), "assent:expires": expires}
            document.activity(act, at, at, said)
            document.used(act, name, at)
            self.part(act, approval.reviewer, "reviewer")

    def _round(self, facts: RoundFacts) -> None:
        document, opened, name = self.document, facts.opened, round_name(facts.number)
        ended = when(facts.over_at) if facts.over_at else None
        said: dict[str, Any] = {
            "prov:type": self.kind("round"),
            "prov:label": f"round {facts.number}",
            "assent:state": self.facts.state_of(facts),
        }
        if facts.aborted:
            said["assent:reason"] = facts.aborted.reason.name.lower()
        if facts.sealed:
            sizes = (one.commitment.cohort_size for one in facts.sealed_commitments())
            said["assent:cohort_size"] = sum(sizes)
            said["assent:rho"] = str(facts.sealed.rho)
            said["assent:rho_spent"] = str(facts.sealed.rho_spent)
        document.activity(name, when(facts.opened_at), ended, said)
        document.used(name, f"terms:{opened.version}", when(facts.opened_at))
        document.used(name, self.name_of(opened.base), when(facts.opened_at))
        coordinator = self.history.versions[opened.version].terms.coordinator
        self.part(name, coordinator, "coordinator", f"terms:{opened.version}")
        for member in facts.sealed.members if facts.sealed else ():
            self.part(name, member, "site")
        write_commitments(self, facts)
        if facts.closed is not None:
            self._closed(facts)

    def _closed(self, facts: RoundFacts) -> None:
        assert facts.closed is not None and facts.sealed is not None
        document, name = self.document, round_name(facts.number)
        over = when(facts.over_at) if facts.over_at else None
        for member, digest in zip(facts.sealed.members, facts.closed.masked_hashes, strict=True):
            masked = self.object(digest, f"masked vector of round {facts.number}")
            if facts.deliveries.get(member) != digest:  # else `write_commitments` has said it
                document.wasAttributedTo(masked, f"account:{member}")
            attempt = facts.newest_commitments()[member].commitment.attempt
            document.wasDerivedFrom(masked, f"{name}/commitment/{member}/{attempt}", name)
            document.used(name, masked)
        made = self.object(facts.closed.checkpoint_hash, f"checkpoint of round {facts.number}")
        manifest = self.object(facts.closed.manifest_hash, f"manifest of round {facts.number}")
        document.wasGeneratedBy(made, name, over)
        document.wasGeneratedBy(manifest, name, over)
        document.wasDerivedFrom(made, self.name_of(facts.opened.base), name)

    def act(self, name: str, kind: str, moment: Moment, **said: Any) -> None:
        """Something that was done at once, as an activity."""
        attributes: dict[str, Any] = {f"assent:{key}": value for key, value in said.items()}
        attributes["prov:type"] = self.kind(kind)
        self.document.activity(name, when(moment), when(moment), attributes)

    def part(self, act: str, address: str, role: str, plan: str | None = None) -> None:
        other = {"prov:role": self.kind(role)}
        self.document.wasAssociatedWith(act, f"account:{address}", plan, other_attributes=other)

    def kind(self, name: str) -> Any:
        """A word of this vocabulary as a qualified name: a string would be no type to a reader."""
        return self.document.valid_qualified_name(f"assent:{name}")

    def name_of(self, digest: bytes) -> str:
        return object_name(self.facts, digest)

    def object(self, digest: bytes, label: str) -> str:
        name = self.name_of(digest)
        if not self.document.get_record(name):
            said = {"prov:label": label}
            if digest not in self.facts.large:  # of those it is their root's, not their bytes'
                said["assent:sha256"] = digest.hex()
            self.document.entity(name, said)
        return name
