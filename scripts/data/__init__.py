"""`assent data`: data to try things with."""
