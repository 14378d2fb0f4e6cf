"""What a study's terms fix by hash: protocol, consent text, DPIA, recipe, app, first checkpoint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from audit import canonical_json
from audit.cid import cid_of_sha256, digest_of
from audit.errors import AuditError
from audit.object_names import cid_of_checkpoint
from audit.recipe import Recipe
from audit.unixfs import BLOCK_BYTES, is_large
from chain.chain import Chain
from chain.messages import Terms
from ipfs.objects import ObjectStore

#: What each document is called in a folder or bundle, and the member of `Terms` that names it.
DOCUMENTS = {
    "protocol": "protocol_hash",
    "consent-text.json": "consent_text_hash",
    "dpia": "dpia_hash",
    "recipe.json": "recipe_hash",
    "app.fab": "app_hash",
    "checkpoint": "initial_checkpoint",
}


def consent_text_document(texts: dict[str, str]) -> bytes:
    """Canonical JSON of the consent texts.

    Args:
        texts: plain text by BCP 47 language tag.
    """
    return canonical_json.dumps({"schema": "assent-consent-text-1", "texts": texts})


@dataclass(frozen=True)
class StudyDocuments:
    """The bytes behind the hashes in `Terms`.

    Attributes:
        protocol: the study protocol, any format.
        consent_text: canonical JSON of `consent_text_document`.
        dpia: the data protection impact assessment (GDPR, article 35), any format.
        recipe: the learning recipe.
        app: the Flower App Bundle.
        checkpoint: the checkpoint before round 1.
    """

    protocol: bytes
    consent_text: bytes
    dpia: bytes
    recipe: Recipe
    app: bytes
    checkpoint: bytes

    def publish(self, store: ObjectStore) -> None:
        """Pins all of them, where sites and reviewers find them by the hashes in the terms.

        Raises audit.errors.AuditError, naming the document, when one is over 1 MiB: its hash would
        not find it. A checkpoint may be larger.
        """
        named = {
            "protocol": self.protocol,
            "consent text": self.consent_text,
            "dpia": self.dpia,
            "recipe": self.recipe.to_bytes(),
            "app": self.app,
        }
        for name, data in named.items():
            if is_large(len(data)):
                raise AuditError(
                    f"{name}: {len(data)} bytes, and at most {BLOCK_BYTES} are allowed"
                )
        for data in (*named.values(), self.checkpoint):
            store.put(data)

    def hashes(self) -> dict[str, bytes]:
        """The members of `Terms` that name these documents."""
        return {
            "protocol_hash": hashlib.sha256(self.protocol).digest(),
            "consent_text_hash": hashlib.sha256(self.consent_text).digest(),
            "dpia_hash": hashlib.sha256(self.dpia).digest(),
            "app_hash": hashlib.sha256(self.app).digest(),
            "recipe_hash": self.recipe.hash(),
            "initial_checkpoint": digest_of(self.checkpoint),
        }


def cid_of_document(terms: Terms, name: str) -> str:
    """The CID of one of DOCUMENTS. Only the checkpoint may be over 1 MiB."""
    digest: bytes = getattr(terms, DOCUMENTS[name])
    return cid_of_checkpoint(digest, terms) if name == "checkpoint" else cid_of_sha256(digest)


def fetch_documents(store: ObjectStore, terms: Terms) -> dict[str, bytes]:
    """A version's documents as a bundle names them, fetched by the hashes in the terms.

    Raises:
        ipfs.objects.ObjectStoreError
    """
    return {
        name: store.get(cid_of_sha256(getattr(terms, member)))
        for name, member in DOCUMENTS.items()
        if name != "checkpoint"  # a bundle holds it among its objects
    }


def fetch_for_reading(
    chain: Chain, store: ObjectStore, study_id: int, version: int
) -> dict[str, bytes]:
    """A version's documents and the study's checkpoints, by file name.

    `checkpoint-0.safetensors` is the first; `checkpoint-N.safetensors` that of the newest closed
    round N, if any.

    Raises:
        ipfs.objects.ObjectStoreError, chain.errors.ChainError
    """
    terms = chain.registry.terms(study_id, version)
    files = fetch_documents(store, terms)
    files["checkpoint-0.safetensors"] = store.get(cid_of_sha256(terms.initial_checkpoint))
    last = chain.ledger.last_closed(study_id)
    if last:
        made = chain.ledger.round(study_id, last).checkpoint_hash
        files[f"checkpoint-{last}.safetensors"] = store.get(cid_of_sha256(made))
    return files
