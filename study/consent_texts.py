"""The document with the texts that patients were shown, one a language."""

from __future__ import annotations

from audit import canonical_json


def consent_texts(document: bytes) -> dict[str, str]:
    """The texts of a consent text document, by language. Raises AuditError or ValueError."""
    value = canonical_json.loads(document, "consent text")
    texts = value.get("texts") if isinstance(value, dict) else None
    if not isinstance(texts, dict) or not texts:
        raise ValueError("it holds no texts")
    if not all(isinstance(text, str) and text.strip() for text in texts.values()):
        raise ValueError("a text is empty")
    return texts
