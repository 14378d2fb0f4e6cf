"""What closed rounds made, computed again: manifest, masked vectors, sum, next checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from audit import checkpoint
from audit.checks.context import Context, place_of
from audit.cid import digest_of, is_cid_of_large
from audit.codec import WordArray, from_bytes
from audit.consent_state import StudyState
from audit.errors import AuditError
from audit.fields import hex_of
from audit.manifest import Manifest, ManifestFacts, ObjectRef, manifest_of, parse
from audit.report import CheckFailed, Kind
from audit.round_state import RoundFacts
from audit.sum_bound import require_plausible_sum
from audit.unixfs import Buffer, is_large
from audit.update import apply_round, unmask_sum
from chain.events import Closed, Sealed
from chain.messages import Commitment, Round, Terms


def check_outcomes(context: Context) -> None:
    """Adds `outcome.*` for every closed round."""
    state = context.state
    if state is None:
        return
    for facts in state.history.rounds.values():
        if facts.closed and facts.sealed:
            with context.record.group("outcome", f"round {facts.number}"):
                _check_round(context, state, facts, facts.sealed, facts.closed)


def _need(context: Context, digest: bytes, what: str, name: str) -> Buffer:
    """An object by the 32 bytes that name it (`audit.cid.digest_of`), checked; its bytes are there
    until the next is read. Ends the group when it is missing or another.
    """
    cid = context.cid(digest)
    data = context.view(digest)
    if data is not None:
        context.record.add(name, place_of(cid), True, what)
        return data
    why = "other bytes" if cid in context.bundle.objects else "missing"
    context.record.fail(name, place_of(cid), f"{what}: {why}")
    raise CheckFailed


def _check_round(
    context: Context, state: StudyState, facts: RoundFacts, sealed: Sealed, closed: Closed
) -> None:
    record, where = context.record, f"round {facts.number}"
    terms = state.history.versions[facts.opened.version].terms
    manifest_bytes = bytes(
        _need(context, closed.manifest_hash, f"manifest of {where}", "outcome.manifest")
    )
    commitments = tuple(entry.commitment for entry in facts.sealed_commitments())
    count = sum(commitment.cohort_size for commitment in commitments)
    try:
        total = unmask_sum(_vectors(context, terms, where, sealed, closed))
    except (AuditError, CheckFailed):
        _check_contributors(context, where, sealed, parse(manifest_bytes))
        raise
    wanted = manifest_of(_facts(context, facts, terms, sealed, closed, commitments, count, total))
    # what is written as it must be needs no reading
    stated = wanted if wanted.to_bytes() == manifest_bytes else parse(manifest_bytes)
    _check_contributors(context, where, sealed, stated)
    record.add(
        "outcome.sum",
        where,
        wanted.sum_hash == stated.sum_hash,
        f"the {len(sealed.members)} masked vectors add up to the manifest's sum of {total.size}"
        " numbers",
    )
    record.add(
        "outcome.count", where, count == stated.count, f"{count} patients in the sealed cohorts"
    )
    require_plausible_sum(total, count, len(sealed.members), terms)
    made = _check_checkpoint(context, facts, terms, total, count, closed.checkpoint_hash)
    if made is None:
        return
    _compare(context, where, replace(wanted, checkpoint=made), stated)
    record.add(
        "outcome.vector-link",
        where,
        True,
        "each site attests that its masked vector hides the noised vector it committed to, and"
        " that its cohort tree holds what it trained on; only a replay at the site computes it",
        Kind.ATTESTED,
    )


def _check_contributors(context: Context, where: str, sealed: Sealed, stated: Manifest) -> None:
    contributors = tuple(part.site for part in stated.contributions)
    context.record.add(
        "outcome.contributors",
        where,
        contributors == sealed.members,
        f"{len(contributors)} contributions, {len(sealed.members)} members sealed: the same sites",
    )


def _check_checkpoint(
    context: Context, facts: RoundFacts, terms: Terms, total: Any, count: int, wanted: bytes
) -> ObjectRef | None:
    """What the round makes of its base; None when the recipe is not there."""
    record, where = context.record, f"round {facts.number}"
    recipe = context.recipes.get(facts.opened.version)
    if recipe is None:
        record.fail("outcome.checkpoint", where, "not recomputed: the recipe is missing or invalid")
        return None
    base = _base(context, facts.opened.base, f"base of {where}")
    after = apply_round(base, total, count, terms, recipe)
    data = checkpoint.write(after)
    made = digest_of(data)
    cid = context.cid(wanted)
    record.add(
        "outcome.checkpoint",
        place_of(cid),
        made == wanted,
        f"applying {where} to its base gives {hex_of(made)}, the ledger says {hex_of(wanted)}",
    )
    if made == wanted and context.is_known(made, data):
        context.newest = (made, after)
    else:
        stated = _need(context, wanted, f"checkpoint of {where}", "outcome.checkpoint")
        checkpoint.read(bytes(stated))
    return ObjectRef(made, is_large(len(data)))


def _base(context: Context, digest: bytes, what: str) -> checkpoint.Checkpoint:
    """What a round starts from, which is most often what the round before it made."""
    if context.newest is not None and context.newest[0] == digest:
        context.record.add("outcome.base", place_of(context.cid(digest)), True, what)
        return context.newest[1]
    return checkpoint.read(bytes(_need(context, digest, what, "outcome.base")))


def _vectors(
    context: Context, terms: Terms, where: str, sealed: Sealed, closed: Closed
) -> Iterator[WordArray]:
    for site, digest in zip(sealed.members, closed.masked_hashes, strict=True):
        data = _need(context, digest, f"masked vector of {site} in {where}", "outcome.masked")
        yield _words(data, terms, site)


def _words(data: Buffer, terms: Terms, site: str) -> WordArray:
    words = from_bytes(data)
    if words.size != terms.vector_length:
        raise AuditError(
            f"the masked vector of {site} has {words.size} numbers, not {terms.vector_length}"
        )
    return words


def _facts(
    context: Context,
    facts: RoundFacts,
    terms: Terms,
    sealed: Sealed,
    closed: Closed,
    commitments: tuple[Commitment, ...],
    count: int,
    total: Any,
) -> ManifestFacts:
    """All that a manifest names, of which the checkpoint alone is as the ledger says."""
    opened = facts.opened

    def reference(digest: bytes) -> ObjectRef:
        return ObjectRef(digest, is_cid_of_large(context.cid(digest)))

    return ManifestFacts(
        deployment=context.bundle.contracts,
        study_id=context.study,
        round_number=facts.number,
        round=Round(
            state=facts.state,
            version=opened.version,
            previous_sealed=opened.previous_sealed,
            previous_closed=opened.previous_closed,
            opened_at=facts.opened_at.time,
            commit_deadline=opened.commit_deadline,
            seal_deadline=opened.seal_deadline,
            delivery_deadline=opened.delivery_deadline,
            close_deadline=opened.close_deadline,
            pinned_block=opened.pinned_block,
            pinned_block_hash=opened.pinned_block_hash,
            base=opened.base,
            seal_digest=sealed.seal_digest,
            checkpoint_hash=bytes(32),
            manifest_hash=bytes(32),
        ),
        terms=terms,
        members=sealed.members,
        commitments=commitments,
        masked=tuple(map(reference, closed.masked_hashes)),
        parent_hash=sealed.parent_hash,
        seal_block=facts.sealed_at.block if facts.sealed_at else 0,
        count=count,
        total=total,
        checkpoint=reference(closed.checkpoint_hash),
        rho=sealed.rho,
        rho_spent=sealed.rho_spent,
    )


def _compare(context: Context, where: str, wanted: Manifest, stated: Manifest) -> None:
    differing = []
    if wanted != stated:
        differing = sorted(_differences(wanted.to_json(), stated.to_json(), ""))
    detail = "every field is what chain and objects say"
    if differing:
        detail = f"chain and objects say otherwise of {', '.join(differing[:8])}"
    context.record.add("outcome.manifest-fields", where, not differing, detail)


def _differences(wanted: Any, stated: Any, path: str) -> list[str]:
    if wanted == stated:
        return []
    if isinstance(wanted, dict) and isinstance(stated, dict):
        return [
            line
            for name in sorted(wanted.keys() | stated.keys())
            for line in _differences(
                wanted.get(name), stated.get(name), f"{path}.{name}".lstrip(".")
            )
        ]
    if isinstance(wanted, list) and isinstance(stated, list) and len(wanted) == len(stated):
        return [
            line
            for position, pair in enumerate(zip(wanted, stated, strict=True))
            for line in _differences(*pair, f"{path}[{position}]")
        ]
    return [path]
