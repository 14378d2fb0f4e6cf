"""Drafts of approvals: only of what was examined and holds, and only until an allowed date."""

from __future__ import annotations

from api.review.chain_time import chain_time
from api.review.drafted import Drafted
from api.review.examining import examination
from api.review.problems import (
    DocumentsDoNotHold,
    ExpiryInvalid,
    NothingInForce,
    VersionNotPending,
)
from api.review.terms import known_study
from api.service import Service
from audit.times import moment
from chain.chain import Chain
from chain.messages import Approval, Study, approval_for
from study.answerability import answerability
from study.approving import expiry


def draft_approval(
    service: Service,
    chain: Chain,
    study_id: int,
    reviewer: str,
    version: int,
    expires: str | None,
) -> Drafted:
    """An Approval of the newest proposed version, or of the one in force.

    Raises:
        NotFound, VersionNotPending, ExpiryInvalid, DocumentsDoNotHold, DocumentsNotServed,
        ObjectStoreUnreachable, chain.errors.ChainError
    """
    study = known_study(chain, study_id, version)
    if version not in (study.current_version, study.proposed_version):
        raise VersionNotPending(f"the newest version is {study.proposed_version}")
    until = _until(service, chain, study_id, reviewer, version, expires)
    message = _examined(service, chain, study_id, version, until)
    return Drafted(message, _summary(message, study))


def draft_renewal(
    service: Service, chain: Chain, study_id: int, reviewer: str, expires: str | None
) -> Drafted:
    """An Approval of the version in force until later, with what the study has done so far.

    Raises:
        as `draft_approval`, and NothingInForce
    """
    study = known_study(chain, study_id)
    if study.current_version == 0:
        raise NothingInForce
    drafted = draft_approval(service, chain, study_id, reviewer, study.current_version, expires)
    return Drafted(drafted.message, [*drafted.summary, *_record(chain, study_id, study)])


def _until(
    service: Service,
    chain: Chain,
    study_id: int,
    reviewer: str,
    version: int,
    expires: str | None,
) -> int:
    try:
        until = expiry(expires, chain_time(chain.head(), service.clock))
    except (ValueError, OverflowError) as error:
        raise ExpiryInvalid(str(error)) from None
    present = chain.registry.approval_of(study_id, version, reviewer)
    if until <= present:
        raise ExpiryInvalid(f"you approve it until {moment(present)} already; name a later date")
    return until


def _examined(service: Service, chain: Chain, study_id: int, version: int, until: int) -> Approval:
    found = examination(service, chain, study_id, version)
    if not found.told.ok:
        raise DocumentsDoNotHold(
            f"study {study_id}, version {version}: nothing should be signed",
            findings=[one.model_dump() for one in found.told.findings if not one.ok],
        )
    return approval_for(study_id, version, found.terms, until)


def _summary(message: Approval, study: Study) -> list[tuple[str, str]]:
    return [
        ("you approve", f"study {message.study_id}, version {message.version}"),
        (
            "until",
            f"{moment(message.expires_at)}; after that no round opens and no consent counts,"
            " unless it is renewed",
        ),
        ("in force", f"once {study.threshold} reviewers have approved"),
        ("terms hash", "0x" + message.terms_hash.hex()),
        ("protocol", "sha256 " + message.protocol_hash.hex()),
        ("consent text", "sha256 " + message.consent_text_hash.hex()),
        ("impact assessment", "sha256 " + message.dpia_hash.hex()),
        (
            "examined",
            "every document was fetched, hashed and opened by this service; `assent irb show` does"
            " the same on your own machine, and compares the training app with its source",
        ),
    ]


def _record(chain: Chain, study_id: int, study: Study) -> list[tuple[str, str]]:
    version = study.current_version
    found = answerability(chain, study_id, version)
    ceiling = chain.registry.terms(study_id, version).rho_ceiling
    spent = chain.ledger.rho_spent(study_id)
    unanswered = sum(one.faulted for one in found.questions)
    return [
        ("approved until", moment(found.approved_until)),
        ("rounds opened", str(chain.ledger.round_count(study_id))),
        ("privacy spent", f"rho {spent / 1e18:.6f} of {ceiling / 1e18:.6f}"),
        ("abandoned, charged", f"{found.charged_aborts} since the last suspension"),
        ("barred sites", "\n".join(found.barred) or "none"),
        ("questions to sites", f"{len(found.questions)}, {unanswered} not answered"),
    ]
