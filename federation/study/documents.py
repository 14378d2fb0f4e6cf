"""What a study's terms fix by hash: protocol, consent text, recipe, app and first checkpoint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from audit import canonical_json
from audit.cid import cid_of_sha256
from audit.recipe import Recipe
from chain.messages import Terms
from federation.app.objects import ObjectStore


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
        recipe: the learning recipe.
        app: the Flower App Bundle.
        checkpoint: the checkpoint before round 1.
    """

    protocol: bytes
    consent_text: bytes
    recipe: Recipe
    app: bytes
    checkpoint: bytes

    def publish(self, store: ObjectStore) -> None:
        """Pins all of them, where sites and reviewers find them by the hashes in the terms."""
        for data in (
            self.protocol,
            self.consent_text,
            self.recipe.to_bytes(),
            self.app,
            self.checkpoint,
        ):
            store.put(data)

    def hashes(self) -> dict[str, bytes]:
        """The members of `Terms` that name these documents."""
        return {
            "protocol_hash": hashlib.sha256(self.protocol).digest(),
            "consent_text_hash": hashlib.sha256(self.consent_text).digest(),
            "app_hash": hashlib.sha256(self.app).digest(),
            "recipe_hash": self.recipe.hash(),
            "initial_checkpoint": hashlib.sha256(self.checkpoint).digest(),
        }


def fetch_documents(store: ObjectStore, terms: Terms) -> dict[str, bytes]:
    """A version's documents as a bundle names them, fetched by the hashes in the terms.

    Raises:
        federation.app.objects.ObjectStoreError
    """
    return {
        "protocol": store.get(cid_of_sha256(terms.protocol_hash)),
        "consent-text.json": store.get(cid_of_sha256(terms.consent_text_hash)),
        "recipe.json": store.get(cid_of_sha256(terms.recipe_hash)),
        "app.fab": store.get(cid_of_sha256(terms.app_hash)),
    }
