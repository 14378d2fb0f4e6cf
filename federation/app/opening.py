"""What the coordinator can know before it opens a round, so that no round is opened in vain.

The ledger refuses by itself; here the reasons come with what to do, and before sites are asked.
"""

from __future__ import annotations

from chain.chain import Chain
from chain.messages import Terms
from federation.app.chain_facts import chain_time


class CannotOpen(Exception):
    """No round of the study can be opened now. Nothing was opened and nothing charged.

    CannotOpen
    ├── StudyNotInForce
    ├── ApprovalExpires
    ├── PausedByAborts
    └── TooManyBarred
    """


class StudyNotInForce(CannotOpen):
    """The study is not approved, or suspended."""


class ApprovalExpires(CannotOpen):
    """The approval of the version in force ends before a round could be over."""


class PausedByAborts(CannotOpen):
    """As many sealed rounds were aborted since the last suspension as the terms allow."""


class TooManyBarred(CannotOpen):
    """The sites that are not barred are fewer than a round needs."""


def refuse_unless_openable(chain: Chain, study_id: int) -> Terms:
    """The terms in force, once a round could be opened and sealed under them.

    Raises:
        CannotOpen: the message says what to do.
        chain.errors.ChainError
    """
    study = chain.registry.study(study_id)
    if study.current_version == 0:
        raise StudyNotInForce(
            f"study {study_id} has no version in force; {study.threshold} of its reviewers have to"
            " approve one first"
        )
    if study.suspended:
        raise StudyNotInForce(
            f"study {study_id} is suspended; {study.threshold} of its reviewers have to resume it"
        )
    terms = chain.registry.terms(study_id, study.current_version)
    left = study.approved_until - chain_time(chain)
    if left <= round_seconds(terms):
        when = "has expired" if left <= 0 else f"ends in {left} s"
        raise ApprovalExpires(
            f"the approval of study {study_id} {when} and a round may last"
            f" {round_seconds(terms)} s; {study.threshold} of its reviewers have to approve version"
            f" {study.current_version} again (continuing review)"
        )
    aborts = chain.ledger.charged_aborts(study_id)
    if aborts >= terms.max_charged_aborts:
        raise PausedByAborts(
            f"{aborts} sealed rounds of study {study_id} were aborted, as many as its terms allow;"
            f" show its reviewers why. One of them has to suspend the study and {study.threshold}"
            " to resume it before rounds go on"
        )
    barred = barred_sites(chain, study_id, terms)
    if len(terms.sites) - len(barred) < terms.min_sites:
        named = ", ".join(f"{site} (for round {number})" for site, number in barred.items())
        raise TooManyBarred(
            f"study {study_id} needs {terms.min_sites} sites and these are barred: {named}. One"
            " reviewer's signature readmits a site"
        )
    return terms


def barred_sites(chain: Chain, study_id: int, terms: Terms) -> dict[str, int]:
    """The sites of the terms that are barred, with the round that each is barred for."""
    return chain.ledger.bars(study_id, terms.sites)


def round_seconds(terms: Terms) -> int:
    """The longest that a round can last, from its opening to its close deadline, in seconds."""
    return terms.commit_seconds + terms.seal_seconds + terms.delivery_seconds + terms.close_seconds
