"""Consent, admissions and rounds as HL7 FHIR R4 resources."""
