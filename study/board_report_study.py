"""What a report says of the study's terms, its data and documents, and of who consented."""

from __future__ import annotations

from collections.abc import Iterator

from audit.cid import sha256
from audit.errors import AuditError
from audit.fields import hex_of
from audit.recipe import parse as parse_recipe
from audit.times import moment
from study.board_report_glance import count, standing
from study.board_report_words import CONSENT_NOTE, IMPACT, LEAVES, PROPORTION
from study.consent_texts import consent_texts
from study.evidence_facts import EvidenceFacts, StudyFacts
from study.report_parts import Facts, Part, Quote, Section, Table, Text
from study.terms_text import describe_terms

_DOCUMENTS = ("protocol", "consent text", "impact assessment", "app", "recipe")
_ELSEWHERE = (*_DOCUMENTS, "coordinator")
_LONGEST = 20_000
"""Characters of a document that a report repeats."""


def the_study(study: StudyFacts) -> Section:
    labels, history = study.labels, study.state.history
    terms = dict(describe_terms(study.terms, ""))
    terms["sites"] = ", ".join(labels[site] for site in study.terms.sites)
    reviewers = study.reviewers
    seats = ", ".join(reviewers[one] for one in study.state.reviewers)
    rows = (
        ("standing", standing(study)),
        ("committee", f"{seats}; {history.threshold} of them have to sign"),
        *((name, words) for name, words in terms.items() if name not in _ELSEWHERE),
    )
    approvals = tuple(
        (
            str(one.version),
            reviewers.get(approval.reviewer, approval.reviewer),
            moment(approval.moment.time),
            moment(approval.expires_at),
        )
        for one in history.versions.values()
        for approval in one.approvals
    )
    columns = ("version", "reviewer", "signed", "until")
    table = Table("Approvals, each signed by its reviewer", columns, approvals, (2, 6, 5, 5))
    others = tuple(
        (moment(act.at.time), study.by_name(act.words))
        for act in study.acts
        if act.lane == "approvals" and act.kind != "approval"
    )
    caption = "What else sponsor and committee did, in order"
    acts = Table(caption, ("when", "what"), others, (5, 13))
    names = Text("Whose accounts and which documents these are, the section of identifiers says.")
    return Section("The study and its approval", (Facts(rows), table, acts, names))


def data(facts: EvidenceFacts, study: StudyFacts) -> Section:
    every = study.all_consents
    rows = (
        (
            "whose data",
            f"patients of {count(len(study.terms.sites), 'hospital')};"
            f" {count(every.granted, 'consent')} so far. Whether minors are among them, the"
            " chain does not say",
        ),
        (
            "which data",
            "health records (GDPR, articles 4(15) and 9), read inside the hospital; which items,"
            " the protocol and consent text say",
        ),
        ("what is learned", _learned(facts, study)),
        (
            "on the chain",
            "pseudonyms: an address for this study alone. Whoever can link it to a person, as the"
            " hospital can, holds personal data",
        ),
        ("kept", "chain entries for good; checkpoints as long as anybody stores them"),
        ("decisions about people", "none is made or recorded by the study's rounds"),
    )
    parts = (Facts(rows), Text(PROPORTION), LEAVES)
    return Section("Data, necessity and proportionality", parts)


def _learned(facts: EvidenceFacts, study: StudyFacts) -> str:
    held = _document(facts, study, "recipe.json", study.terms.recipe_hash)
    if held is None:
        return "the approved recipe is not in this bundle"
    try:
        recipe = parse_recipe(held)
    except AuditError:
        return "the approved recipe cannot be read"
    return f"{recipe.size} numbers, shared by all sites, of the model {recipe.model}"


def consents(study: StudyFacts) -> Section:
    named = [(study.labels[site], one) for site, one in study.consents.items()]
    rows = tuple(
        (name, *map(str, vars(one).values()))
        for name, one in [*named, ("all sites", study.all_consents)]
    )
    columns = ("site", "granted", "withdrawn", "renewed", "expired", "active", "other")
    table = Table("Consents at the block: counts alone", columns, rows, (3, 2, 2, 2, 2, 2, 2))
    return Section("Consents", (Text(CONSENT_NOTE), table))


def impact_assessment() -> Section:
    words = Text(
        "This report is evidence for an impact assessment and takes no position in law. What it"
        " cannot know is in the assessment that the board approved, which is named by its hash"
        " among the identifiers."
    )
    return Section("For the impact assessment", (words, IMPACT))


def identifiers(facts: EvidenceFacts, study: StudyFacts) -> Section:
    history, terms, contracts = study.state.history, study.terms, facts.contracts
    documents = dict(describe_terms(terms, ""))
    rows = (
        ("terms hash", f"{hex_of(study.version.terms_hash)}, version {study.version.version}"),
        *((name, documents[name]) for name in _DOCUMENTS),
        ("registry", contracts.registry),
        ("consents", contracts.consent_token),
        ("ledger", contracts.ledger),
        ("sponsor", history.sponsor or "none"),
        ("coordinator", terms.coordinator),
        *((label, address) for address, label in study.labels.items()),
        *((label, address) for address, label in study.reviewers.items()),
    )
    made = tuple(
        (str(one.number), study.state_of(one), study.cid(one.closed.checkpoint_hash))
        for one in study.rounds
        if one.closed
    )
    parts: list[Part] = [Facts(rows)]
    if made:
        made = (("0", "the first", study.cid(terms.initial_checkpoint)), *made)
        columns = ("round", "state", "checkpoint (CID)")
        parts.append(Table("Checkpoints, as they lie on IPFS", columns, made, (1, 2, 9)))
    return Section("Identifiers, for auditors", tuple(parts))


def approved_texts(facts: EvidenceFacts, study: StudyFacts) -> Iterator[Section]:
    """What patients were shown and the assessment, word for word, if they are what was approved."""
    terms, quotes = study.terms, []
    held = _document(facts, study, "consent-text.json", terms.consent_text_hash)
    try:
        texts = consent_texts(held) if held else {}
    except (AuditError, ValueError):
        texts = {}
    quotes += [Quote(f"Consent text, {language}", words) for language, words in texts.items()]
    for caption, name, digest in (
        ("Impact assessment", "dpia", terms.dpia_hash),
        ("Protocol", "protocol", terms.protocol_hash),
    ):
        words = _plain(_document(facts, study, name, digest))
        if words:
            quotes.append(Quote(caption, words))
    if quotes:
        words = f"Word for word, as approved with version {study.version.version} of the terms."
        yield Section("Approved documents", (Text(words), *quotes))


def _document(facts: EvidenceFacts, study: StudyFacts, name: str, digest: bytes) -> bytes | None:
    held = facts.bundle.document(study.version.version, name)
    return held if held and sha256(held) == digest else None


def _plain(data: bytes | None) -> str | None:
    """A document that is plain text of a size that a report can repeat."""
    try:
        words = data.decode("utf-8") if data else ""
    except UnicodeDecodeError:
        return None
    fits = 0 < len(words) <= _LONGEST and all(one.isprintable() or one in "\r\n\t" for one in words)
    return words if fits else None
