"""The gas table: what each act on the contracts costs, beside what a peer asks."""

from assurance.gas.command import GasResult, run

__all__ = ["GasResult", "run"]
