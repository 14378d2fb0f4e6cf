"""The audit log: every event of a study as the chain has it, each with a sentence in words."""
