"""Rounds of a study as the ledger recorded them."""
