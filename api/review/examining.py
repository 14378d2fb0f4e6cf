"""Examinations of versions, each made once in a while: one costs six fetches of 1 MiB from IPFS.

Anybody may ask for one. It depends on nothing but the terms, which are named by their hash, and on
what IPFS has; so it is kept by study, version and terms hash, without the documents themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from api.problems import DocumentsNotServed
from api.review.terms import known_study
from api.review.terms_models import ExaminationFinding, ExaminationTold
from api.service import Service
from chain.chain import Chain
from chain.messages import Terms
from study.consent_texts import consent_texts
from study.examination import Examination, examine

#: Documents have the bytes that the terms name for ever; whether IPFS still has them is looked at
#: again after so long. What is missing may come at any time.
HOLDS, LACKS = timedelta(minutes=10), timedelta(seconds=15)


@dataclass(frozen=True)
class Examined:
    """What was found, and the terms that it was found of."""

    terms: Terms
    told: ExaminationTold


def examination(service: Service, chain: Chain, study_id: int, version: int) -> Examined:
    """Every document fetched from IPFS, hashed and opened again; or what that gave a while ago.

    Raises:
        NotFound, DocumentsNotServed, ObjectStoreUnreachable, chain.errors.ChainError
    """
    known_study(chain, study_id, version)
    key = (study_id, version, chain.registry.terms_hash(study_id, version))

    def lifetime(found: Examined) -> timedelta:
        return HOLDS if found.told.ok else LACKS

    return service.examinations.get(key, lambda: _made(service, chain, study_id, version), lifetime)


def _made(service: Service, chain: Chain, study_id: int, version: int) -> Examined:
    store = service.documents()
    if store is None:
        raise DocumentsNotServed
    with store:
        found = examine(chain, store, study_id, version)
    return Examined(found.terms, _told(found, service))


def _told(found: Examination, service: Service) -> ExaminationTold:
    """As it is told; consent texts only when everything holds."""
    texts = consent_texts(found.documents["consent-text.json"]) if found.ok else {}
    return ExaminationTold(
        study_id=found.study_id,
        version=found.version,
        ok=found.ok,
        terms_hash="0x" + found.terms_hash.hex(),
        findings=[
            ExaminationFinding(name=one.name, ok=one.ok, found=one.found) for one in found.findings
        ],
        consent_texts=texts,
        examined_at=service.clock(),
    )
