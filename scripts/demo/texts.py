"""The demo study's documents: short, but of the kind that a real study has."""

PROTOCOL = b"""# Protocol: a shared prior of laboratory trajectories in primary biliary cholangitis

Purpose. Learn, over five centres, how five laboratory values move over time in this disease, so
that a new patient's course can be forecast from their first few visits.

Data. Bilirubin, albumin, platelets, prothrombin time and alkaline phosphatase with their dates,
from the records of patients whose consent is active. No record leaves its hospital.

Method. Differentially private meta-learning of a prior over ten parameters a patient, in a fixed
number of rounds, under the ceiling in the terms. A contribution is clipped, noised, masked and
committed before it is sent.

Withdrawal. A patient may revoke at any time. A round in progress is abandoned and run again without
the record when it was withdrawn after the seal.

Who. Only organisations that are not for profit take part. Reviewers may ask each hospital to
compute its part of a round again, and each patient may ask for the receipt of a round.

Data source of this demonstration. The public, de-identified pbcseq data set.
"""

CONSENT_TEXTS = {
    "en": (
        "I allow this hospital to use my laboratory values for this study, to learn a shared "
        "forecasting model for my disease, by organisations that are not for profit. My record "
        "stays in the hospital. I can revoke at any time without giving a reason; from then on my "
        "record enters no further round."
    ),
    "de": (
        "Ich erlaube diesem Krankenhaus, meine Laborwerte für diese Studie zu verwenden, um ein "
        "gemeinsames Vorhersagemodell für meine Krankheit zu lernen, durch Einrichtungen, die "
        "nicht auf Gewinn gerichtet sind. Meine Akte bleibt im Krankenhaus. Ich kann jederzeit "
        "ohne Begründung widerrufen; von da an geht meine Akte in keine weitere Runde ein."
    ),
}

DPIA = b"""# Data protection impact assessment (GDPR, article 35)

What is processed. Five laboratory values with their dates, of patients who consented, each inside
the hospital that holds the record. What leaves a hospital is a clipped, noised and masked sum over
its patients, never a record. How many patients each hospital admitted to a round is public.

Why it is needed. The disease is rare: one hospital alone has too few patients to learn from. What
is learned is a prior over ten parameters a patient, not a network of thousands of weights: fewer
numbers need less noise for the same protection.

Risks to patients, and what is done about them.
- Somebody learns from the model that a patient's record was used, or what is in it. All rounds
  together are bounded by differential privacy, under the ceiling in the terms, enforced on chain.
  The bound limits the risk; it does not make it zero.
- The coordinator looks at one hospital's sum. Sums are masked; up to the number of hospitals that
  the terms name may collude before the masks and the shared noise protect less.
- Somebody reads the chain. It holds an address that is used for this study alone, salted
  commitments, times, and what was consented to: that an address consented to a study of this
  disease is public for ever. Whoever learns whose address it is learns of the disease. A hospital
  that destroys a record's salt cuts the link between the commitment and the record.
- A hospital uses other records than it says. This is not prevented: reviewers can demand that its
  part is computed again on its premises, patients can demand a receipt, and who does not answer is
  excluded.
- A key is lost or stolen. A patient can sign a revocation in advance for somebody they trust.

What cannot be undone. A closed round stays closed: what it holds of one record is bounded by the
ceiling. What is on the chain stays there.

Of this demonstration. The data are public and de-identified; there is nobody to be harmed, and no
data protection officer has read this text.
"""
