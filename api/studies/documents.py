"""Documents of a version, read from IPFS by the hashes in its terms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from api.problems import DocumentsNotServed
from api.service import Service
from api.studies.models import ConsentText, DocumentShown
from api.studies.problems import DocumentAbsent, LanguageAbsent
from chain.messages import Terms
from ipfs.objects import ObjectCorrupt, ObjectMissing, ObjectStore
from study.documents import DOCUMENTS, cid_of_document

_CONSENT_TEXT = "consent-text.json"


def listed(service: Service, terms: Terms) -> list[DocumentShown]:
    """Every document by name, and whether it is stored. Raises ObjectStoreUnreachable."""
    store = service.documents()
    try:
        return [_shown(store, name, terms) for name in DOCUMENTS]
    finally:
        if store is not None:
            store.close()


def _fetched(service: Service, terms: Terms, name: str) -> bytes:
    """One document; its bytes hash to what the terms say.

    Raises:
        DocumentAbsent, DocumentsNotServed, ipfs.objects.ObjectStoreUnreachable
    """
    cid = cid_of_document(terms, name)
    with _store(service, cid) as store:
        try:
            return store.get(cid)
        except (ObjectMissing, ObjectCorrupt):
            raise DocumentAbsent(f"{name} is not stored", cid=cid) from None


def consent_text(
    service: Service, terms: Terms, study_id: int, version: int, language: str | None
) -> ConsentText:
    """The text in a language (a BCP 47 tag), or in the only or the English one.

    Raises:
        LanguageAbsent; DocumentAbsent, DocumentsNotServed, ipfs.objects.ObjectStoreUnreachable
    """
    texts = _texts(_fetched(service, terms, _CONSENT_TEXT), cid_of_document(terms, _CONSENT_TEXT))
    chosen = language or ("en" if "en" in texts else min(texts))
    if chosen not in texts:
        raise LanguageAbsent(f"there is no text in {chosen}", languages=sorted(texts))
    return ConsentText(
        study_id=study_id,
        version=version,
        language=chosen,
        text=texts[chosen],
        languages=sorted(texts),
        sha256="0x" + terms.consent_text_hash.hex(),
    )


def _texts(document: bytes, cid: str) -> dict[str, str]:
    try:
        texts = json.loads(document)["texts"]
    except (ValueError, KeyError, TypeError, RecursionError):
        texts = None
    if not isinstance(texts, dict) or not texts or not all(map(_is_text, texts.values())):
        raise DocumentAbsent("what is stored under the hash is no consent text", cid=cid)
    return texts


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _shown(store: ObjectStore | None, name: str, terms: Terms) -> DocumentShown:
    digest, cid = _digest(terms, name), cid_of_document(terms, name)
    stored = None if store is None else store.holds(cid)
    return DocumentShown(name=name, sha256="0x" + digest.hex(), cid=cid, stored=stored)


def _digest(terms: Terms, name: str) -> bytes:
    return bytes(getattr(terms, DOCUMENTS[name]))


@contextmanager
def _store(service: Service, cid: str) -> Iterator[ObjectStore]:
    store = service.documents()
    if store is None:
        raise DocumentsNotServed(cid=cid)
    with store:
        yield store
