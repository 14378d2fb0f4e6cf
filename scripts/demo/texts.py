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

Data source of this demonstration. The public, de-identified pbcseq data set.
"""

CONSENT_TEXTS = {
    "en": (
        "I allow this hospital to use my laboratory values for this study, to learn a shared "
        "forecasting model for my disease. My record stays in the hospital. I can revoke at any "
        "time without giving a reason; from then on my record enters no further round."
    ),
    "de": (
        "Ich erlaube diesem Krankenhaus, meine Laborwerte für diese Studie zu verwenden, um ein "
        "gemeinsames Vorhersagemodell für meine Krankheit zu lernen. Meine Akte bleibt im "
        "Krankenhaus. Ich kann jederzeit ohne Begründung widerrufen; von da an geht meine Akte in "
        "keine weitere Runde ein."
    ),
}
