"""Python's view of IPFS: objects by their hash."""
