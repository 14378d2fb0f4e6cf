"""How a study works and what its words mean, for a reader who never trained a model."""

from __future__ import annotations

from typing import Final

from study.report_parts import Table

HOW_IT_WORKS: Final = (
    "Several hospitals learn one shared model of a disease's course. No hospital hands out a"
    " record. Learning goes in rounds. In each, every hospital looks up which of its patients have"
    " an active consent, computes from their records in which direction the model should change,"
    " limits how much any one patient can count, adds random noise, and sends that one sum, masked"
    " so that only the total over all hospitals can be read. The total changes the model a little.",
    "Each consent, withdrawal, approval and round is entered in a shared register, a chain, that"
    " no participant can rewrite alone. Consent is given by the patient's own key and can be"
    " withdrawn at any time. The register also counts how much privacy is used up, and lets no"
    " round begin that would exceed the ceiling that the ethics board approved.",
    "This report was computed from copies of those entries and of all that was sent. It believes"
    " neither the coordinator nor any hospital where a thing could be computed again; where it"
    " could not, it says so.",
)

WORDS: Final = Table(
    "Words used in this report",
    ("word", "meaning"),
    (
        ("site", "a hospital that takes part"),
        ("coordinator", "who opens and closes rounds; sees no record and no single hospital's sum"),
        ("checkpoint", "the shared model as it stands after a round"),
        ("cohort", "the patients whom one site counted in one round"),
        ("sealed", "who takes part in a round, and with what, can no longer change"),
        ("closed", "the round ended as it should, with a new checkpoint"),
        ("aborted", "the round ended without a new checkpoint; if it was sealed, it still counts"),
        ("retired", "the board took the study back behind this checkpoint: nothing builds on it"),
        (
            "epsilon, delta",
            "a bound on what anybody can learn of one record from everything that was published."
            " Smaller is safer; delta is the chance, at most, that the bound fails",
        ),
        ("rho", "the same bound in the unit in which rounds add up (zCDP)"),
        ("receipt", "a patient's proof of whether the own record was in a round's cohort"),
        ("replay", "a site computes its part of a round again, at a reviewer's demand"),
        ("barred", "a site that broke a duty takes no part until a reviewer readmits it"),
        ("block", "a page of the register; its hash, a long number, stands for all up to it"),
        ("IPFS", "storage in which a file is found by its hash, so that none can be swapped"),
    ),
    (3, 9),
)
