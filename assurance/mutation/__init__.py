"""Mutation testing: small changes to the contracts that some test must notice."""
