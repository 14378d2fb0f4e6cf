"""Changes of the chain as server-sent events."""
