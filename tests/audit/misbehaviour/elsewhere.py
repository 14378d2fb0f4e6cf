"""Lies that tests of other rooms tell, to gates, sites and the service; and what stays hidden."""

from __future__ import annotations

from tests.audit.misbehaviour.kinds import Elsewhere, NotDetectable, Who

_GATE = "tests/federation/gate/test_gate.py::"
_LIES = "tests/federation/app/test_lies.py::"
_REORGANISATIONS = "tests/federation/app/test_reorganisations.py::"
_BARS = "tests/federation/app/test_bars.py::"
_SIGN_IN = "tests/api/signin/test_passkeys.py::"
_OTHER_DEPLOYMENT = "tests/audit/test_other_deployment.py::"
_ORIGIN = "tests/audit/test_origin.py::"
BY_GATE, BY_SITE, BY_LEDGER = "the site's gate", "the site's journal", "the ledger"

ELSEWHERE = (
    Elsewhere(
        "app-that-nobody-approved",
        Who.COORDINATOR,
        "sends sites another app than the approved one",
        BY_GATE,
        "APP_NOT_APPROVED",
        _GATE + "test_another_app_is_refused",
    ),
    Elsewhere(
        "round-of-a-suspended-study",
        Who.COORDINATOR,
        "starts sites on a suspended study",
        BY_GATE,
        "STUDY_SUSPENDED",
        _GATE + "test_a_suspended_study_is_refused_until_it_is_resumed",
    ),
    Elsewhere(
        "committee-of-ones-own",
        Who.SPONSOR,
        "has a study approved by reviewers whom the site does not know",
        BY_GATE,
        "COMMITTEE_UNKNOWN",
        _GATE + "test_another_committee_than_the_site_was_told_is_refused",
    ),
    Elsewhere(
        "study-at-other-contracts",
        Who.COORDINATOR,
        "deploys the same code again, runs a study with a committee of its own there, and hands on"
        " that study's bundle",
        "`assent verify` with the deployment file",
        "deployment",
        _OTHER_DEPLOYMENT + "test_only_the_deployment_tells_it_from_ours",
    ),
    Elsewhere(
        "study-beside-ours",
        Who.COORDINATOR,
        "proposes another study in the same contracts, with the reader among its reviewers and"
        " nobody else who is honest, and hands on that study's bundle",
        "`assent verify` with the study's number",
        "study.number",
        _OTHER_DEPLOYMENT + "test_only_its_number_tells_a_study_beside_ours",
    ),
    Elsewhere(
        "consents-from-before-the-contracts",
        Who.SPONSOR,
        "deploys the contracts by a constructor of its own, which writes invented consents into"
        " their storage before it returns the known code, and hands on the bundle itself",
        "`assent verify`",
        "contract.origin",
        _ORIGIN + "test_a_consent_from_before_the_contracts_is_found_by_their_addresses_alone",
    ),
    Elsewhere(
        "deployment-of-a-constructor-of-ones-own",
        Who.SPONSOR,
        "gives a site or a service the deployment file of such contracts",
        "whoever connects by it",
        "WrongOrigin",
        _ORIGIN + "test_whoever_is_given_its_deployment_refuses_it",
    ),
    Elsewhere(
        "foreign-chain",
        Who.CHAIN,
        "shows a site another chain with the same chain id",
        BY_GATE,
        "CHAIN_REFUSED",
        _GATE + "test_another_chain_of_the_same_id_is_refused",
    ),
    Elsewhere(
        "foreign-contract",
        Who.CHAIN,
        "shows a site other code where a contract should be",
        BY_GATE,
        "CHAIN_REFUSED",
        _GATE + "test_another_contracts_code_is_refused",
    ),
    Elsewhere(
        "node-that-stands-still",
        Who.CHAIN,
        "hides new revocations from a site by showing it an old head",
        BY_GATE,
        "CHAIN_STALE",
        _GATE + "test_a_node_that_fell_behind_is_refused",
    ),
    Elsewhere(
        "several-tokens-of-one-record",
        Who.CHAIN,
        "shows a site several tokens of one record, so that its noise does not cover the record",
        "the site's part of the app",
        "they count, and add nothing",
        "tests/federation/app/test_sickle_cell.py::"
        "test_a_record_counts_once_however_many_tokens_a_node_shows_for_it",
    ),
    Elsewhere(
        "evidence-altered-on-ipfs",
        Who.STORAGE,
        "gives a site a missing or altered manifest, vector or checkpoint of the last round",
        BY_GATE,
        "EVIDENCE_MISSING",
        _GATE + "test_evidence_that_is_missing_or_altered_is_refused",
    ),
    Elsewhere(
        "base-from-vectors-nobody-signed",
        Who.COORDINATOR,
        "goes on from a round whose vectors no member signed",
        BY_GATE,
        "BASE_DOES_NOT_FOLLOW",
        _GATE + "test_a_manifest_with_vectors_that_no_member_signed_is_refused",
    ),
    Elsewhere(
        "base-that-the-sum-does-not-give",
        Who.COORDINATOR,
        "goes on from a checkpoint that the sum does not give",
        BY_GATE,
        "BASE_DOES_NOT_FOLLOW",
        _GATE + "test_a_checkpoint_that_the_sum_does_not_give_is_refused",
    ),
    Elsewhere(
        "base-swapped-on-ipfs",
        Who.STORAGE,
        "gives a site in mid-round another base than the one named",
        "the site's part of the app",
        "ObjectCorrupt",
        _LIES + "test_a_site_refuses_a_base_that_ipfs_does_not_give_as_named",
    ),
    Elsewhere(
        "second-seal",
        Who.COORDINATOR,
        "shows a site a second seal of a round, to get a second vector for the same noise",
        BY_SITE,
        "SealContradicted",
        _REORGANISATIONS + "test_a_second_seal_after_a_reorganisation_gets_nothing",
    ),
    Elsewhere(
        "rounds-beyond-the-ceiling",
        Who.COORDINATOR,
        "opens rounds beyond the privacy that was approved",
        BY_LEDGER,
        "LedgerBudgetExhausted",
        _LIES + "test_no_round_opens_beyond_the_ceiling_and_the_sites_tally_agrees",
    ),
    Elsewhere(
        "ledger-that-forgets-what-was-spent",
        Who.CHAIN,
        "tells a site that less privacy is spent than the site remembers",
        BY_SITE,
        "BudgetExceeded",
        _LIES + "test_no_round_opens_beyond_the_ceiling_and_the_sites_tally_agrees",
    ),
    Elsewhere(
        "delivery-of-somebody-else",
        Who.SITE,
        "delivers what is cut, unsigned, of another member, of another round, or too late",
        "the coordinator's part of the app",
        "delivery-refused",
        _LIES + "test_only_a_members_first_signed_vector_for_this_seal_counts",
    ),
    Elsewhere(
        "mask-key-copied-on-its-way",
        Who.SITE,
        "copies the mask key of a commitment on its way and is quicker, to keep another site out",
        "the ledger; the site commits again under another key",
        "LedgerKeyReused",
        _LIES + "test_a_member_that_copies_a_mask_key_keeps_no_other_site_out_of_the_round",
    ),
    Elsewhere(
        "update-that-is-not-finite",
        Who.COORDINATOR,
        "publishes a recipe whose update is no number",
        "`audit.update`, which all sides call",
        "UpdateRefused",
        _LIES + "test_an_update_that_is_not_finite_is_refused_by_name_and_leaves_the_checkpoint",
    ),
    Elsewhere(
        "huge-vector",
        Who.SITE,
        "delivers a vector longer than clipped rows and noise can be, or not under its masks",
        "`audit.sum_bound`, which all sides call",
        "SumTooLong",
        _LIES + "test_a_vector_that_no_honest_site_can_have_sent_ends_the_round_by_name",
    ),
    Elsewhere(
        "round-closed-over-a-huge-vector",
        Who.COORDINATOR,
        "closes a round although its sum is longer than honest sites' can be",
        BY_GATE,
        "BaseDoesNotFollow",
        _LIES + "test_a_coordinator_that_closes_with_such_a_vector_is_refused_by_every_gate",
    ),
    Elsewhere(
        "delivery-denied",
        Who.COORDINATOR,
        "says that a site did not deliver, to have it barred",
        BY_LEDGER,
        "BarsDeliveryRecorded",
        _BARS + "test_a_delivery_goes_on_record_shortly_before_the_deadline_and_saves_the_site",
    ),
    Elsewhere(
        "silence-after-the-seal",
        Who.SITE,
        "is sealed and delivers nothing",
        "the ledger, and the site itself",
        "BARRED",
        _BARS + "test_a_member_that_delivers_nothing_is_barred_until_a_reviewer_readmits_it",
    ),
    Elsewhere(
        "rounds-abandoned-one-after-another",
        Who.COORDINATOR,
        "abandons charged rounds to burn the budget",
        BY_LEDGER,
        "LedgerPausedByAborts",
        _BARS + "test_too_many_aborted_rounds_pause_the_study_until_reviewers_have_looked",
    ),
    Elsewhere(
        "grant-passed-off-as-a-sign-in",
        Who.SERVICE,
        "asks a passkey for a sign-in that is a grant",
        "the form of a sign-in's challenge",
        "assent sign-in",
        _SIGN_IN + "test_no_sign_in_can_be_made_into_an_act",
    ),
)

NOT_DETECTABLE = (
    NotDetectable(
        "training-without-consent",
        Who.SITE,
        "trains on records without consent, or on something else than it commits to",
        "What a site computes with never leaves it. A replay that a reviewer demands shows whether"
        " the commitment follows from what the site kept, a receipt what it committed to.",
        "trains on records without consent",
    ),
    NotDetectable(
        "another-vector-under-the-mask",
        Who.SITE,
        "commits to one vector and masks another",
        "Masked words are uniform: nothing in them can be compared with the commitment. Its"
        " signature attests the link, and a replay recomputes it.",
        "commits one vector and masks another",
    ),
    NotDetectable(
        "spoiled-sum",
        Who.SITE,
        "delivers a false vector that is no longer than its cohort allows",
        "Clipping happens at the site, and no masked word can be refused, only a sum that is too"
        " long. One update's size is bounded by the optimiser.",
        "sends a false vector",
    ),
    NotDetectable(
        "delivery-on-record-and-withheld",
        Who.SITE,
        "puts its delivery on record and sends nothing, so that nobody can bar it",
        "The record protects a site whose vector a coordinator refuses to take, and nobody else"
        " sees whether it was sent. The round is charged and abandoned; as many as the terms allow"
        " pause the study for its reviewers.",
        "puts its delivery on record and sends nothing",
    ),
    NotDetectable(
        "invented-records",
        Who.SITE,
        "enrols people who do not exist, or makes up their records",
        "A token shows that somebody signed and that the site vouches for a record, not that the"
        " record is true.",
        "enrols people who do not exist",
    ),
    NotDetectable(
        "collusion-beyond-the-bound",
        Who.SITE,
        "pools masks and noise with more sites than the terms tolerate",
        "Colluders need not send anything that others see; only the number they exceed is public.",
        "pools what it knows with others",
    ),
    NotDetectable(
        "peeking-at-an-abandoned-round",
        Who.COORDINATOR,
        "keeps all masked vectors of a round that is then abandoned, and sums them",
        "It has them by right until the abort. The noise in them was charged for exactly that.",
        "collects all masked vectors of an abandoned round",
    ),
    NotDetectable(
        "everybody-tells-the-same-false-block",
        Who.CHAIN,
        "and every site that is asked name the same block of a chain of their own",
        "The block hash is the one thing that verification takes from people. Who asks two sites"
        " that do not lie together finds out.",
        "all who are asked for a block hash name the same false one",
    ),
    NotDetectable(
        "consents-from-the-genesis-block",
        Who.CHAIN,
        "begins the chain with consents in its genesis block, where contracts will be",
        "Nothing in a bundle can prove the genesis block. Who runs a node has the genesis file, and"
        " sees what it allots.",
        "whoever begins the chain puts consents into its genesis block",
    ),
    NotDetectable(
        "revocation-that-nobody-carries",
        Who.RELAYER,
        "takes a revocation and keeps it",
        "A signature that no contract has seen leaves no trace. The holder sees the consent still"
        " active, and anyone else can carry the same signature.",
        "a relayer withholds a revocation",
    ),
    NotDetectable(
        "visitors-linked",
        Who.SERVICE,
        "links a person's studies by the network address they sign in from",
        "It happens within whoever operates the service.",
        "its operator links a person's studies",
    ),
)
