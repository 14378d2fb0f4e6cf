"""The outbox: signed acts are kept when they are accepted, and reach the chain exactly once."""
