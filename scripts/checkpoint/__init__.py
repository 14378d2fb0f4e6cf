"""`assent checkpoint`: what a study has learned."""
