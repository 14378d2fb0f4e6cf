"""The `assent study` commands: a sponsor's and a coordinator's acts, and what anyone may read."""
