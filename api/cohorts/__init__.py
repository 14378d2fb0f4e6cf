"""The active cohort of a site at a block, by the contract's own view."""
