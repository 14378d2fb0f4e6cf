"""Consortium: the account of those who run a deployment together (IConsortium.sol).

A powerful act takes two executions: the first announces it to the access manager (`announcement`),
the second, when the delay is over and within a week, does it (`execution`). Each is signed by k
members and carried by anyone.
"""

from collections.abc import Sequence

from eth_abi.abi import encode

from chain.clients.base import ContractClient, Receipt
from chain.functions import functions
from chain.messages import Execution


class ConsortiumClient(ContractClient):
    name = "Consortium"

    def announcement(self, authority: str, target: str, data: bytes) -> Execution:
        """What members sign so that the access manager lets the same call pass after its delay."""
        schedule = functions("AccessManager")["schedule"]
        return self.execution(authority, schedule.call_data([target, data, 0]))

    def execution(self, target: str, data: bytes) -> Execution:
        """What members sign so that the consortium's next act is this call."""
        return Execution(target, data, int(self._view("nonces", self.address, block=None)))

    def execute(
        self, execution: Execution, signers: Sequence[bytes], signatures: Sequence[bytes]
    ) -> Receipt:
        """Carries what k members signed; signers (ERC-7913) and signatures come in pairs.

        Raises QuorumNotReached, and what the call itself refuses with.
        """
        if len(signers) != len(signatures):
            raise ValueError(f"{len(signers)} signers cannot have {len(signatures)} signatures")
        signed = encode(["bytes[]", "bytes[]"], [list(signers), list(signatures)])
        return self.write("execute", execution.target, execution.data, signed)
