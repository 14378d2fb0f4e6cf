"""A study from its sponsor's side: plan, app, terms, proposal, and what rounds need to run."""
