"""What was approved: k distinct reviewers signed exactly these terms; consent carries over
rightly.
"""

from __future__ import annotations

from audit.checks.context import Context
from audit.checks.signatures import check_signature
from audit.consent_state import StudyState
from audit.fields import hex_of
from audit.history import ApprovalFact, VersionFacts
from audit.report import Kind
from audit.rules import broken_terms, needs_fresh_consent
from audit.times import utc
from chain.messages import account_of_signer, approval_for


def check_study(context: Context) -> None:
    """Adds `terms`, `approval`, `approval.quorum` and `consent-version` for each version, then
    `sites`, `consents`, `committee` and `successor`.
    """
    state = context.state
    if state is None:
        context.record.fail("study", "chain/events.json", "not checked: the events do not replay")
        return
    before = None
    active = [v for v in state.history.versions.values() if v.activated is not None]
    context.record.add(
        "study", f"study {context.study}", bool(active), f"{len(active)} approved version(s)"
    )
    for version in sorted(active, key=lambda v: v.version):
        with context.record.group("version", f"version {version.version}"):
            _check_version(context, state, version, before)
        before = version
    _check_sites(context, state)
    _check_consents(context, state)
    _check_committee(context, state)


def _check_version(
    context: Context, state: StudyState, version: VersionFacts, before: VersionFacts | None
) -> None:
    record, where = context.record, f"version {version.version}"
    broken = broken_terms(version.terms)
    detail = "the terms keep the rules" if not broken else f"the terms break: {', '.join(broken)}"
    record.add("terms", where, not broken, f"{detail}; hash {hex_of(version.terms_hash)}")
    for approval in version.approvals:
        _check_approval(context, version, approval)
    _check_quorum(context, state, version)
    fresh = needs_fresh_consent(before.terms if before else None, version.terms)
    earlier = before.consent_version if before else None
    wanted = version.version if fresh else earlier
    record.add(
        "consent-version",
        where,
        version.consent_version == wanted,
        f"consent counts from version {version.consent_version} on; by the rule from {wanted}",
    )


def _check_quorum(context: Context, state: StudyState, version: VersionFacts) -> None:
    """k reviewers of the committee as it was then approved, for longer than that moment."""
    moment, threshold = version.activated, state.history.threshold
    if moment is None:
        return
    seats = state.state_before(moment).reviewers
    approving = {
        approval.reviewer
        for approval in version.approvals
        if approval.moment.position < moment.position and approval.expires_at > moment.time
    }
    present = approving & set(seats)
    standing = state.standing
    until = ""
    if standing and standing.current_version == version.version:
        until = f"; it is approved until {utc(standing.approved_until)}"
    context.record.add(
        "approval.quorum",
        f"version {version.version}",
        len(present) >= threshold > 1,
        f"{len(present)} of {len(seats)} reviewers approved, {threshold} are needed{until}",
    )


def _check_approval(context: Context, version: VersionFacts, approval: ApprovalFact) -> None:
    message = approval_for(context.study, version.version, version.terms, approval.expires_at)
    until = utc(approval.expires_at)
    where = f"version {version.version}, reviewer {approval.reviewer}, until {until}"
    if account_of_signer(approval.signer) != approval.reviewer:
        context.record.fail("approval", where, "the signer is another account")
        return
    check_signature(
        context,
        "approval",
        where,
        approval.reviewer,
        message.digest(context.registry_domain),
        approval.signature,
        is_account=len(approval.signer) == 20,
    )


def _check_sites(context: Context, state: StudyState) -> None:
    """Every site of every version in force was registered before the version was proposed."""
    missing = []
    for version in state.history.versions.values():
        for site in version.terms.sites:
            known = state.history.sites.get(site)
            if not known or known[0].moment.position > version.proposed.position:
                missing.append(site)
    for site in sorted(set(missing)):
        context.record.fail("sites", site, "the terms name it, the registry does not know it")
    if not missing:
        context.record.add("sites", "StudyRegistry", True, "every site of the terms is registered")


def _check_consents(context: Context, state: StudyState) -> None:
    tokens = sum(len(tokens) for tokens in state.history.tokens.values())
    revoked = sum(len(moments) for moments in state.history.revocations.values())
    context.record.add(
        "consents",
        "ConsentToken",
        True,
        f"{tokens} granted, {revoked} revoked; the proven contract code accepted the holders' and"
        " sites' signatures",
        Kind.ATTESTED,
    )


def _check_committee(context: Context, state: StudyState) -> None:
    history, standing = state.history, state.standing
    suspensions = standing.suspensions if standing else 0
    context.record.add(
        "committee",
        f"study {context.study}",
        True,
        f"{history.threshold} of {len(history.reviewers)} reviewers; {history.replacements}"
        f" replaced, {suspensions} suspensions; the proven contract code accepted the signatures of"
        " those who replaced, resumed and readmitted",
        Kind.ATTESTED,
    )
    successor = history.successor
    if successor is not None:
        other = successor != context.address("StudyRegistry")
        context.record.add("successor", "StudyRegistry", other, f"new studies go to {successor}")
