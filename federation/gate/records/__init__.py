"""A site's records: reading FHIR and LIS exports, checking them, and keeping what is usable."""
