"""A study from its sponsor's side: documents, terms, proposal, and the bundle that proves it."""
