"""Everyone's desk, shared with the other folders that import it."""

from tests.desk import desk

__all__ = ["desk"]
