"""The service's connection to the chain: made when first needed, so that it may start before it."""

from __future__ import annotations

import threading
from pathlib import Path

from chain.chain import Chain
from chain.deployment import Deployment

_TIMEOUT_SECONDS = 10.0


class Node:
    """One node, for reading. Usable from several threads.

    `connected` is what `chain` has given before, None until then.
    """

    def __init__(self, rpc_url: str, deployment: Path) -> None:
        """Raises chain.errors.ChainError or ValueError when the deployment file is unusable."""
        self.rpc_url = rpc_url
        self.deployment = Deployment.load(deployment)
        self.connected: Chain | None = None
        self._lock = threading.Lock()

    def chain(self) -> Chain:
        """The chain, once it has proved to be the deployment's.

        Raises ChainUnreachable, WrongChain, ContractMissing, WrongCode, WrongOrigin.
        """
        with self._lock:
            if self.connected is None:
                self.connected = Chain.connect(
                    self.rpc_url, self.deployment, timeout=_TIMEOUT_SECONDS
                )
            return self.connected
