"""The learning comparison: every method on the same held-out patients, from a CSV or a data set."""
