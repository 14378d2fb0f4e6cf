"""`assent bench`: comparisons that anyone can repeat."""
