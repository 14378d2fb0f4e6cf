"""The `assent patient` commands: a patient's own acts, and what a relayer carries for them."""
