"""The words of `study.board_report` that are the same for every study. docs/threat-model.md says
more of each risk.
"""

from __future__ import annotations

from typing import Final

from audit.remedies import Remedy
from chain.messages import AbortReason
from study.report_parts import Table

PROPORTION: Final = (
    "Records stay in their hospital. What leaves it is one noised and masked sum over a cohort for"
    " each round; a single hospital's sum is not readable, only that of all contributors together."
    " Consent is asked of the chain by the hospital's own node before any record is opened, and a"
    " withdrawn record is out of every later commitment."
)

LEAVES: Final = Table(
    "What leaves a site, where it lies, and what it tells",
    ("what", "where", "what it tells"),
    (
        ("a patient's record", "in the hospital alone", "nothing leaves"),
        (
            "consents and withdrawals",
            "on the chain, for good",
            "that an address used for this study alone granted or withdrew, when, for which"
            " purposes; no name, no value. A salted commitment stands for the record",
        ),
        (
            "cohort size and cohort root",
            "on the chain",
            "how many patients a site counted: exact, and covered by no epsilon; not which",
        ),
        (
            "masked vector",
            "on IPFS and in the bundle",
            "alone, uniform random words; all of a round together, their noised sum",
        ),
        (
            "checkpoint and manifest",
            "on IPFS and in the bundle",
            "the shared model, within the epsilon stated here",
        ),
        (
            "receipt",
            "with the patient, encrypted on its way",
            "whether the own record was in a round's cohort",
        ),
    ),
    (3, 3, 7),
)

CONSENT_NOTE: Final = (
    "Withdrawn: revoked by its holder. Renewed: ended because its holder granted anew. Other: of an"
    " older version, not yet begun, for other purposes, or while the study stands still. That a"
    " consent counts only while all of this holds is the contract's own rule, which sites and the"
    " verifier ask."
)

EPSILON_MEANS: Final = (
    "Noise in every round hides whether any one person's record was used. How well it does is a"
    " number that the ethics board capped beforehand: epsilon. With epsilon 0 nobody could do"
    " better than a coin; each round adds to it, an abandoned one too, and the register refuses a"
    " round that would exceed the cap. The figure is a worst case over every record and everything"
    " that anybody may know besides. It is of one record at one site in this study: records of one"
    " person at several sites, and several studies, add up beyond it. It is reckoned from what the"
    " register charged, for the noise that the terms ask for: that no more hospitals than the terms"
    " tolerate left theirs out, or told it to others, nobody outside them can see."
)

CONVERSIONS: Final = (
    "How it is computed: each sealed round costs rho = 1/(2 sigma^2) zCDP, whatever becomes of it,"
    " and rho adds up. Epsilon is from rho and the slack of the distributed discrete sum (Kairouz,"
    " Liu and Steinke 2021, theorem 5), at the delta above, by Canonne, Kamath and Steinke (2020),"
    " corollary 13. Beside it, the looser conversion of Bun and Steinke (2016), proposition 1.3."
    " The share of right guesses is from the same rho by the inequalities of Pinsker and of"
    " Bretagnolle and Huber (1979). Noise: how many times what epsilon is reckoned with was in the"
    " round's sum (standard deviation); more sites than the least that the terms demand add more."
)

ROUND_STATES: Final = (
    "A closed round made a new checkpoint. An aborted one made none, and was charged if it was"
    " sealed. A retired one closed, and the reviewers took the study back behind it since."
)

REASONS: Final[dict[AbortReason, str]] = {
    AbortReason.COORDINATOR: "the coordinator ended it",
    AbortReason.SEAL_DEADLINE_PASSED: "too few sites committed in time",
    AbortReason.CLOSE_DEADLINE_PASSED: "not every member delivered in time",
    AbortReason.CONSENT_CHANGED: "a consent was withdrawn after the seal",
    AbortReason.STUDY_CHANGED: "the study was suspended or its terms changed",
}

WITHDRAWAL_COLUMNS: Final = (
    "A withdrawn record is in no later commitment. What was made before is judged by the rounds"
    " that may have used it: halted counts the consents that no round can use any more; final"
    " those whose class no longer waits for its deadline; late the duties that were done after"
    " theirs. Epsilon is over the rounds that may have used the record, abandoned ones included."
)

REMEDY_WORDS: Final[dict[Remedy, str]] = {
    Remedy.NOT_USED: "no model comes from a round that can have used the record",
    Remedy.BOUNDED: "some do, and the study goes on with them, within the epsilon shown",
    Remedy.RETIRED: "the committee took the study back behind them",
    Remedy.RETRAINED: "and a round has closed since, from a checkpoint without the record",
}

VERIFIED: Final = (
    "Recomputed: follows from bytes in the bundle. Attested: rests on a site's signature, or on"
    " contract code whose hash is proven. Pending: the deadline that decides lies beyond the block."
    " Fault: a broken duty that is on record."
)

NOT_VERIFIABLE: Final = Table(
    "Not verifiable from outside",
    ("claim", "what raises the price of lying"),
    (
        (
            "that every counted record moved the sum: an unusable one, or one at its hospital's"
            " ceiling, counts and adds nothing",
            "nothing does: it is so that nobody can tell",
        ),
        (
            "that a hospital trained on what it committed to, and its records are true",
            "a reviewer may demand a replay, a patient a receipt; who does not answer is barred",
        ),
        (
            "that every hospital limited what one record counts, and added its noise, on which"
            " epsilon rests",
            "the approved app does both; a replay computes both again, by the site's own word, and"
            " a sum that is too long is refused",
        ),
        (
            "that a masked vector is the one committed to",
            "the site signs that it is; a replay computes it again, by the site's own word",
        ),
        (
            "that nobody keeps and uses a retired checkpoint",
            "no later round builds on it; epsilon holds for copies too",
        ),
        (
            "that the chain's genesis block put no consents where the contracts are",
            "who runs a node has the genesis file, and sees what it allots",
        ),
        (
            "the trusted block hash itself",
            "ask two sites, which have signed what they delivered",
        ),
    ),
    (5, 6),
)

RISKS: Final = Table(
    "Risks to people, from the threat model in short",
    ("risk", "measure", "what is left"),
    (
        (
            "a record is used without or after consent",
            "the site's gate asks its own node; the verifier bounds each cohort by active consents",
            "a site that lies about what it trains on",
        ),
        (
            "a person is found in the model",
            "clipping, noise and a ceiling that the ledger enforces; abandoned rounds are charged",
            "epsilon above; several studies add up, to a ceiling that each hospital keeps for"
            " itself, and records of one person at several hospitals beyond it",
        ),
        (
            "a hospital's part is read",
            "masks that exist only once the set is fixed; one missing member leaves only noise",
            "more colluding sites than the terms tolerate take noise away",
        ),
        (
            "a person is identified from chain or IPFS",
            "an address for this study alone, salted commitments, no value",
            "times, purposes and site stay for good; rare conditions of a grant stand out",
        ),
        (
            "a withdrawal is late or withheld",
            "anybody may carry it and nothing pauses it; the round under way follows the terms",
            "what was made before stays, within epsilon, unless the committee goes back",
        ),
        (
            "the coordinator or storage changes or omits something",
            "every round is recomputed; the running hash of all events is in proven storage",
            "none, with a block hash that is true",
        ),
        (
            "the approved code or purpose changes unseen",
            "terms are signed by their hash; looser ones need fresh consent; approvals expire",
            "a committee of which enough members agree to it",
        ),
    ),
    (4, 6, 5),
)

IMPACT: Final = Table(
    "What an impact assessment has to hold (GDPR, article 35(7)), and where it is",
    ("item", "in this report", "what only the approved assessment can say"),
    (
        (
            "the processing and its purposes",
            "at a glance; how it works; the study; data",
            "controllers and processors; recipients in a third country; how long hospitals keep"
            " records and salts",
        ),
        (
            "necessity and proportionality",
            "data; the study (cohort, noise, ceiling)",
            "why less data or another method would not do",
        ),
        (
            "legal basis (articles 6 and 9)",
            "that each use needs an active consent, recorded before it; whether that consent is"
            " also the legal basis is not in the evidence",
            "the basis that each controller relies on, and national law",
        ),
        (
            "rights of those concerned",
            "withdrawals and their remedies; receipts; questions to sites",
            "information, access, erasure at the hospital, complaints; consent for minors",
        ),
        ("risks", "risks and measures; privacy spent", "their weight for these patients"),
        (
            "measures, and evidence that they work",
            "risks and measures; what was verified",
            "measures inside each hospital",
        ),
        (
            "advice and views (article 35(2), (9))",
            "approvals, with who signed and when",
            "the data protection officer's advice; the views of patients",
        ),
    ),
    (4, 6, 6),
)
