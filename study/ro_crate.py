"""A study's evidence as an RO-Crate 1.2: the bundle as data, and in plain metadata what made it.

RO-Crate 1.2 (https://w3id.org/ro/crate/1.2) with the library `rocrate`. Rounds are CreateActions,
from one checkpoint to the next; who took part are Organizations, by their accounts on the chain.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity  # type: ignore[import-untyped]
from rocrate.rocrate import ROCrate  # type: ignore[import-untyped]

from audit.fields import hex_of
from audit.round_state import RoundFacts
from audit.times import date_time
from study.board_report_words import REASONS
from study.data_use_text import describe_conditions, describe_disease, describe_purposes
from study.evidence_facts import EvidenceFacts, StudyFacts

BUNDLE = "bundle.tar"
PROVENANCE = "prov.json"
METADATA = "ro-crate-metadata.json"
_PROV_JSON = "https://www.w3.org/submissions/2013/SUBM-prov-json-20130424/"


def write_crate(facts: EvidenceFacts, study: StudyFacts, folder: Path) -> None:
    """Write ro-crate-metadata.json beside the files BUNDLE and PROVENANCE, which are in ``folder``.

    The same bundle gives the same metadata.
    """
    crate = ROCrate(version="1.2")
    report, terms = facts.report, study.terms
    block = hex_of(report.block_hash)
    crate.name = f"Evidence of study {report.study} on chain eip155:{report.chain_id}"
    crate.description = (
        f"Everything needed to verify the study's {len(study.rounds)} rounds offline, up to block"
        f" {report.block_number} ({block}); disease: {describe_disease(terms.disease)}; purposes:"
        f" {', '.join(describe_purposes(terms.purposes))}. It holds no patient's record. Verify it"
        " with `assent verify`."
    )
    crate.datePublished = date_time(report.block_time or 0)
    crate.root_dataset["identifier"] = f"{_account(facts, facts.contracts.registry)}/{report.study}"
    crate.license = _conditions(crate, study)
    _file(crate, folder, BUNDLE, "application/x-tar", f"The bundle, as of block {block}")
    provenance = _file(crate, folder, PROVENANCE, "application/json", "The study as W3C PROV")
    provenance["conformsTo"] = {"@id": _PROV_JSON}
    crate.add(ContextEntity(crate, _PROV_JSON, {"@type": "CreativeWork", "name": "PROV-JSON"}))
    _parties(crate, facts, study)
    crate.root_dataset["mentions"] = [_round(crate, facts, study, one) for one in study.rounds]
    crate.metadata.write(folder)


def round_id(facts: EvidenceFacts, number: int) -> str:
    """How the crate names a round: STUDY/ROUND at the ledger's account."""
    return f"{_account(facts, facts.contracts.ledger)}/{facts.report.study}/{number}"


def _account(facts: EvidenceFacts, address: str) -> str:
    return f"eip155:{facts.contracts.chain_id}:{address}"


def _conditions(crate: ROCrate, study: StudyFacts) -> ContextEntity:
    conditions = describe_conditions(study.terms.purposes)
    words = "Use of the checkpoints is bound by the study's approved terms" + (
        f": {'; '.join(conditions)}." if conditions else "; they name no further condition."
    )
    name = f"Terms of use, version {study.version.version}"
    properties = {"@type": "CreativeWork", "name": name, "description": words}
    return _add(crate, "#terms-of-use", properties)


def _file(crate: ROCrate, folder: Path, name: str, encoding: str, words: str) -> Any:
    path = folder / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    properties = {
        "name": words,
        "encodingFormat": encoding,
        "sha256": digest,
        "contentSize": str(path.stat().st_size),
    }
    return crate.add_file(path, dest_path=name, properties=properties)


def _parties(crate: ROCrate, facts: EvidenceFacts, study: StudyFacts) -> None:
    named = dict.fromkeys(study.consents, "site")
    for version in study.state.history.versions.values():
        named.setdefault(version.terms.coordinator, "coordinator")
    for address, role in named.items():
        name = f"{role} {address}"
        _add(crate, _account(facts, address), {"@type": "Organization", "name": name})


def _round(
    crate: ROCrate, facts: EvidenceFacts, study: StudyFacts, one: RoundFacts
) -> ContextEntity:
    terms = study.state.history.versions[one.opened.version].terms
    state = study.state_of(one)
    properties: dict[str, Any] = {
        "@type": "CreateAction",
        "name": f"Round {one.number}: {state}",
        "startTime": date_time(one.opened_at.time).isoformat(),
        "actionStatus": {"@id": f"http://schema.org/{_status(one)}"},
        "agent": {"@id": _account(facts, terms.coordinator)},
        "participant": [
            {"@id": _account(facts, site)} for site in (one.sealed.members if one.sealed else ())
        ],
        "object": {"@id": _object(crate, study, one.opened.base, "Checkpoint").id},
        "instrument": {"@id": _object(crate, study, terms.app_hash, "Approved training app").id},
    }
    if one.over_at:
        properties["endTime"] = date_time(one.over_at.time).isoformat()
    if one.aborted:
        properties["error"] = REASONS[one.aborted.reason]
    if one.closed:
        name = f"Checkpoint of round {one.number}"
        properties["result"] = {"@id": _object(crate, study, one.closed.checkpoint_hash, name).id}
    return _add(crate, round_id(facts, one.number), properties)


def _status(one: RoundFacts) -> str:
    if one.closed:
        return "CompletedActionStatus"
    return "FailedActionStatus" if one.aborted else "ActiveActionStatus"


def _object(crate: ROCrate, study: StudyFacts, digest: bytes, name: str) -> Any:
    identifier = f"ipfs://{study.cid(digest)}"
    known = crate.dereference(identifier)
    if known is not None:
        return known
    properties = {
        "@type": "CreativeWork",
        "name": name,
        "isPartOf": {"@id": BUNDLE},
    }
    if digest not in study.large:  # of those it is their root's, not their bytes'
        properties["sha256"] = digest.hex()
    return _add(crate, identifier, properties)


def _add(crate: ROCrate, identifier: str, properties: dict[str, Any]) -> ContextEntity:
    return crate.add(ContextEntity(crate, identifier, properties))
