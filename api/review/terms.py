"""A study's terms in words and numbers, what differs, and the documents that they name."""

from __future__ import annotations

from api.index.values import struct_values
from api.problems import DocumentsNotServed, NotFound
from api.review.problems import DocumentMissing
from api.review.terms_models import (
    DocumentOfTerms,
    TermsDifference,
    VersionDifferences,
    VersionTerms,
)
from api.review.words import facts
from api.service import Service
from chain.chain import Chain
from chain.errors import RegistryStudyUnknown
from chain.messages import Study, terms_hash
from ipfs.objects import ObjectStoreError, ObjectStoreUnreachable
from study.differences import compare_terms
from study.documents import DOCUMENTS, cid_of_document
from study.overview import require_study
from study.terms_text import describe_terms


def known_study(chain: Chain, study_id: int, version: int = 1) -> Study:
    """A study that has such a version. Raises NotFound, chain.errors.ChainError."""
    try:
        return require_study(chain, study_id, version)
    except RegistryStudyUnknown:
        raise NotFound from None


def terms_of_version(chain: Chain, study_id: int, version: int) -> VersionTerms:
    """One version's terms, as of the newest block. Raises NotFound, chain.errors.ChainError."""
    standing = known_study(chain, study_id, version)
    block = chain.head().number
    registry = chain.registry
    terms = registry.terms(study_id, version, block=block)
    return VersionTerms(
        study_id=study_id,
        version=version,
        in_force=standing.current_version == version,
        newest=standing.proposed_version == version,
        terms_hash="0x" + terms_hash(terms).hex(),
        hash_on_chain="0x" + registry.terms_hash(study_id, version, block=block).hex(),
        words=facts(describe_terms(terms, "")),
        terms=struct_values(terms),
        documents=[
            DocumentOfTerms(
                name=name,
                sha256="0x" + getattr(terms, member).hex(),
                cid=cid_of_document(terms, name),
            )
            for name, member in DOCUMENTS.items()
        ],
        approvals={
            reviewer: registry.approval_of(study_id, version, reviewer, block=block)
            for reviewer in registry.reviewers(study_id, block=block)
        },
        threshold=standing.threshold,
    )


def differences(chain: Chain, study_id: int, before: int, after: int) -> VersionDifferences:
    """What differs between two versions. Raises NotFound, chain.errors.ChainError."""
    for version in (before, after):
        known_study(chain, study_id, version)
    registry = chain.registry
    found = compare_terms(registry.terms(study_id, before), registry.terms(study_id, after))
    if not found.differences:
        words = "The terms are the same."
    elif found.fresh_consent:
        words = f"Consent given under version {before} does not carry over: patients grant anew."
    else:
        words = f"Consent given under version {before} carries over."
    return VersionDifferences(
        study_id=study_id,
        before=before,
        after=after,
        fresh_consent=found.fresh_consent,
        words=words,
        differences=[
            TermsDifference(member=one.member, before=one.before, after=one.after)
            for one in found.differences
        ],
    )


def document(
    service: Service, chain: Chain, study_id: int, version: int, name: str
) -> tuple[bytes, bytes]:
    """One document: its SHA-256 and its bytes, which hash to that.

    Raises:
        NotFound, DocumentsNotServed, DocumentMissing, ObjectStoreUnreachable, ChainError
    """
    known_study(chain, study_id, version)
    if name not in DOCUMENTS:
        raise NotFound
    store = service.documents()
    if store is None:
        raise DocumentsNotServed
    terms = chain.registry.terms(study_id, version)
    sha256: bytes = getattr(terms, DOCUMENTS[name])
    cid = cid_of_document(terms, name)
    with store:
        try:
            return sha256, store.get(cid)
        except ObjectStoreUnreachable:
            raise
        except ObjectStoreError as error:
            raise DocumentMissing(f"{name} of version {version}, CID {cid}") from error
