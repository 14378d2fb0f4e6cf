"""How fast `assent verify` is, on studies that are made for it without a chain."""
