"""The clinic, shared with the other folders that import it."""

from tests.api.clinic import clinic
from tests.desk import desk

__all__ = ["clinic", "desk"]
