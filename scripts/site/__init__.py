"""`assent site`: what a hospital's engineer types."""
