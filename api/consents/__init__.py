"""What patients do here: see what a grant would say, sign, and follow their consents."""
