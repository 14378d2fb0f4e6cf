"""`assent patient status`."""

from __future__ import annotations

from scripts.connection import DeploymentFile, Rpc, connect
from scripts.console import JsonOption, say, show_facts, show_json, show_table
from scripts.patient.revoking import TokenId, consent_of, token_number


def status(token: TokenId, rpc: Rpc, deployment: DeploymentFile, json_: JsonOption = False) -> None:
    """Show whether a consent is active now, for what and until when, and each round's relation.

    "Active" is for what it grants; rounds may use it when that covers what the study does.

    It needs no key: whoever knows a token can see this. A round "may have used it" when the token
    was active at the block to which the hospital committed; what it did is for a receipt to prove.
    """
    from audit.times import moment
    from chain.messages import split_token_id
    from federation.app.chain_facts import chain_time
    from study.consenting import terms_in_force
    from study.data_use_text import (
        describe_conditions,
        describe_disease,
        describe_purposes,
    )
    from study.overview import replay, rounds_of_token

    chain, number = connect(rpc, deployment), token_number(token)
    consent = consent_of(chain, number)
    study, site, _ = split_token_id(number)
    now = chain_time(chain)
    active = chain.consent.is_consent_active(number, consent.purposes, now)
    # What a round asks for, and the conditions that it meets, are in the terms in force.
    asked = terms_in_force(chain, study).purposes
    usable = chain.consent.is_consent_active(number, asked, now)
    rounds = rounds_of_token(replay(chain, study), number)
    if json_:
        show_json(
            {
                "token": token,
                "active": active,
                "rounds_may_use_it": usable,
                "study": study,
                "site": site,
                "holder": consent.holder,
                "purposes": describe_purposes(consent.purposes),
                "disease": describe_disease(consent.disease) if consent.disease else None,
                "conditions": describe_conditions(consent.purposes),
                "use_start": consent.use_start,
                "use_end": consent.use_end,
                "granted_at": consent.granted_at,
                "revoked_at": consent.revoked_at or None,
                "rounds": [
                    {"round": one.number, "state": one.state, "used": one.used} for one in rounds
                ],
            }
        )
        return
    show_facts(
        "Consent",
        [
            ("active now", "yes" if active else "no"),
            ("rounds may use it now", "yes" if usable else "no"),
            ("study", study),
            ("hospital", site),
            ("for", ", ".join(describe_purposes(consent.purposes))),
            ("disease", describe_disease(consent.disease)),
            ("conditions", "\n".join(describe_conditions(consent.purposes)) or "none"),
            ("from", moment(consent.use_start)),
            ("until before", moment(consent.use_end)),
            ("granted", moment(consent.granted_at)),
            ("revoked", moment(consent.revoked_at) if consent.revoked_at else "no"),
        ],
    )
    show_table(
        "Rounds",
        ("round", "ended", "your record"),
        [(one.number, one.state, one.says) for one in rounds],
    )
    if not rounds:
        say("No round has been opened yet.")
    if consent.revoked_at:
        say("What became of it since: `assent patient withdrawal TOKEN`.")
