"""What lying sites can do to a learned prior, and what stops them."""
