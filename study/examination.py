"""What a reviewer should know before signing: every document fetched, hashed and opened again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from audit import checkpoint
from audit.cid import cid_of_sha256
from audit.recipe import Recipe
from audit.recipe import parse as parse_recipe
from audit.rules import broken_terms
from chain.chain import Chain
from chain.messages import Terms, terms_hash
from ipfs.objects import ObjectStore, ObjectStoreError, ObjectStoreUnreachable
from study.consent_texts import consent_texts
from study.documents import DOCUMENTS
from study.overview import require_study


@dataclass(frozen=True)
class Finding:
    """One thing that was recomputed: what, whether it holds, and what was found."""

    name: str
    ok: bool
    found: str


@dataclass(frozen=True)
class Examination:
    """A version's terms, the hash that reviewers sign, and what was found about both."""

    study_id: int
    version: int
    terms: Terms
    terms_hash: bytes
    findings: tuple[Finding, ...]
    documents: dict[str, bytes]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)


def examine(
    chain: Chain,
    store: ObjectStore,
    study_id: int,
    version: int,
    build_app: Callable[[], bytes] | None = None,
) -> Examination:
    """Fetches the documents by the hashes in the terms, and recomputes all that can be.

    Args:
        build_app: gives the Flower App Bundle of this installation, to compare with.

    Raises:
        RegistryStudyUnknown, chain.errors.ChainError, ObjectStoreUnreachable
    """
    require_study(chain, study_id, version)
    terms = chain.registry.terms(study_id, version)
    own = terms_hash(terms)
    listed = chain.registry.terms_hash(study_id, version)
    findings = [
        Finding(
            "terms hash", own == listed, f"0x{own.hex()}, recomputed from the terms on the chain"
        ),
        Finding("terms", not broken_terms(terms), ", ".join(broken_terms(terms)) or "within rules"),
    ]
    held: dict[str, bytes] = {}
    for name, member in DOCUMENTS.items():
        wanted: bytes = getattr(terms, member)
        try:
            held[name] = store.get(cid_of_sha256(wanted))
        except ObjectStoreUnreachable:
            raise
        except ObjectStoreError as error:
            findings.append(Finding(name, False, str(error)))
            continue
        # The store has hashed what it gave: these bytes are those that the terms name.
        findings.append(Finding(name, True, f"{len(held[name]):,} bytes, sha256 {wanted.hex()}"))
    findings += _opened(held, terms)
    if build_app is not None and "app.fab" in held:
        findings.append(_compared(held["app.fab"], build_app()))
    return Examination(study_id, version, terms, own, tuple(findings), held)


def _opened(held: dict[str, bytes], terms: Terms) -> list[Finding]:
    recipe: list[Recipe] = []

    def read_recipe(data: bytes) -> str:
        recipe.append(parse_recipe(data))
        _require(recipe[0].size == terms.vector_length, "its size is not the terms' vector length")
        return f"model {recipe[0].model}, {recipe[0].size} numbers a contribution"

    def read_checkpoint(data: bytes) -> str:
        first = checkpoint.read(data)
        _require(first.step == 0, f"it is of step {first.step}, not a start")
        fits = bool(recipe) and (first.model, first.layout) == (recipe[0].model, recipe[0].layout)
        _require(fits, "it is not of the recipe's model")
        return "a first checkpoint of the recipe's model"

    readers: dict[str, Callable[[bytes], str]] = {
        "recipe.json": read_recipe,
        "checkpoint": read_checkpoint,
        "consent-text.json": lambda data: "languages " + ", ".join(consent_texts(data)),
        "app.fab": lambda data: f"{len(zipfile.ZipFile(io.BytesIO(data)).namelist())} files",
    }
    found = []
    for name, reader in readers.items():
        if name in held:
            try:
                found.append(Finding(f"{name}, opened", True, reader(held[name])))
            except Exception as error:  # noqa: BLE001, whatever hostile bytes make a reader raise
                found.append(Finding(f"{name}, opened", False, str(error) or repr(error)))
    return found


def _compared(approved: bytes, built: bytes) -> Finding:
    if approved == built:
        return Finding("app.fab, source", True, "exactly the app that this installation builds")
    ours, theirs = _files(built), _files(approved)
    differing = sorted(
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    )
    shown = ", ".join(differing[:5]) + (f" and {len(differing) - 5} more" * (len(differing) > 5))
    return Finding("app.fab, source", False, f"differs from this installation's in {shown}")


def _files(fab: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(fab)) as archive:
            return {
                name: archive.read(name)
                for name in archive.namelist()
                if not name.startswith(".info")
            }
    except zipfile.BadZipFile:
        return {}


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise ValueError(why)
