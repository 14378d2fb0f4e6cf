"""A synthetic five-centre sickle-cell cohort, written as hospitals would export it."""
