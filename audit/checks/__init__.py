"""The verifier's checks, one module for each group."""
