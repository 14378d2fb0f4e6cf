"""What was approved: k distinct reviewers signed exactly these terms; consent carries over
rightly.
"""

from __future__ import annotations

from audit.checks.context import Context
from audit.consent_state import ApprovalFact, StudyState, VersionFacts
from audit.fields import hex_of
from audit.report import Kind
from audit.rules import broken_terms, needs_fresh_consent
from chain.messages import Approval, account_of_signer, recover


def check_study(context: Context) -> None:
    """Adds `terms`, `approval`, `approval.quorum` and `consent-version` for each version, then
    `sites` and `consents`.
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


def _check_version(
    context: Context, state: StudyState, version: VersionFacts, before: VersionFacts | None
) -> None:
    record, where = context.record, f"version {version.version}"
    broken = broken_terms(version.terms)
    detail = "the terms keep the rules" if not broken else f"the terms break: {', '.join(broken)}"
    record.add("terms", where, not broken, f"{detail}; hash {hex_of(version.terms_hash)}")
    for approval in version.approvals:
        _check_approval(context, version, approval)
    reviewers = {approval.reviewer for approval in version.approvals} & set(state.history.reviewers)
    record.add(
        "approval.quorum",
        where,
        len(reviewers) >= state.history.threshold > 0,
        f"{len(reviewers)} of {len(state.history.reviewers)} reviewers approved,"
        f" {state.history.threshold} are needed",
    )
    fresh = needs_fresh_consent(before.terms if before else None, version.terms)
    earlier = before.consent_version if before else None
    wanted = version.version if fresh else earlier
    record.add(
        "consent-version",
        where,
        version.consent_version == wanted,
        f"consent counts from version {version.consent_version} on; by the rule from {wanted}",
    )


def _check_approval(context: Context, version: VersionFacts, approval: ApprovalFact) -> None:
    message = Approval(context.study, version.version, version.terms_hash)
    where = f"version {version.version}, reviewer {approval.reviewer}"
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


def check_signature(
    context: Context,
    name: str,
    where: str,
    account: str,
    digest: bytes,
    signature: bytes,
    is_account: bool = True,
) -> bool:
    """Adds one check of a signature by an account.

    Contract accounts (ERC-1271) and keys behind a verifier (ERC-7913) answer on chain only; a
    signature that is not 65 bytes can only be theirs, and is then attested by the contract code.
    """
    if len(signature) != 65 or not is_account:
        return context.record.add(
            name,
            where,
            True,
            f"{account} is no plain key: the proven contract code accepted the signature",
            Kind.ATTESTED,
        )
    try:
        signer = recover(digest, signature)
    except ValueError as error:
        context.record.fail(name, where, f"the signature is not valid: {error}")
        return False
    detail = f"signed by {signer}" + ("" if signer == account else f", not by {account}")
    return context.record.add(name, where, signer == account, detail)


def _check_sites(context: Context, state: StudyState) -> None:
    """Every site of every version in force was registered before the version was proposed."""
    missing = []
    for version in state.history.versions.values():
        known = {
            site.site
            for site in state.history.sites
            if site.moment.position < version.proposed.position
        }
        missing += [site for site in version.terms.sites if site not in known]
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
