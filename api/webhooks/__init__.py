"""Changes of the chain sent to programs that asked for them, signed."""
