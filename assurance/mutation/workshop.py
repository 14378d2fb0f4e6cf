"""A copy of the Hardhat project in which mutants are built and tested."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Literal

from assurance.mutation.mutants import Mutant
from assurance.outcome import CheckError
from assurance.sources import ROOT, copy_project
from assurance.tools import hardhat_command
from stack.binaries import tool_environment

Verdict = Literal["killed", "survived", "invalid"]

FUZZ_RUNS = 256
#: A mutant whose tests take longer than this has made something endless: it is noticed.
LIMIT_SECONDS = 300
#: Which tests are likeliest to notice a change of a file: they run first, and the others only when
#: these pass. A name stands for contracts/test/NAME*.t.sol.
NEAREST = {
    "Bars": ("Bars",),
    "Budget": ("RoundOpen", "RoundSeal"),
    "Challenges": ("Challenges",),
    "ConsentMessages": ("ConsentGrant", "ConsentRevoke"),
    "ConsentToken": ("ConsentGrant", "ConsentRevoke", "ConsentActive", "ConsentReturn"),
    "Consortium": ("Consortium",),
    "DataUse": ("DataUse",),
    "GuardianAccount": ("Guardian",),
    "GuardianAccounts": ("GuardianAccounts",),
    "LockedERC721": ("ConsentLocked",),
    "Origin": ("Origin",),
    "Quarters": ("Quarters",),
    "Quorum": ("Consortium", "Guardian"),
    "Rollbacks": ("Rollbacks", "Study"),
    "RoundLedger": ("Round", "LateRevocation", "AbortCap"),
    "Rounds": ("RoundOpen", "LateRevocation", "ConsentReturn", "AbortCap"),
    "RunningHash": ("RunningHash",),
    "Signers": ("Signers", "ConsentGrant"),
    "StudyRegistry": ("StudyRegistry", "Approval", "Committee", "Suspension"),
    "TermsHash": ("TermsRules",),
    "TermsRules": ("TermsRules", "ConsentVersion"),
    "Zcdp": ("TermsRules", "RoundOpen"),
}


class Workshop:
    """One worker's copy. Building and testing in it leaves the project alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: subprocess.Popen[str] | None = None
        self._project = copy_project(folder)

    def prepare(self) -> None:
        """Builds everything once, and makes sure that the tests pass without a mutant."""
        status, output = self._test()
        if status != 0 or " passing" not in output:
            raise CheckError(
                "The Solidity tests do not pass as they are, so mutants would show nothing: "
                f"run `make contracts`.\n{output[-2000:]}"
            )

    def judge(self, mutant: Mutant) -> Verdict:
        """Builds and tests one mutant, and puts the file back."""
        path = self.folder / mutant.file
        original = path.read_bytes()
        path.write_bytes(mutant.text(original))
        try:
            nearest = self._nearest(mutant)
            status, output = self._test(nearest) if nearest else (0, "")
            if status == 0:
                status, output = self._test()
        finally:
            path.write_bytes(original)
        if status == 0:
            if " passing" not in output:
                raise CheckError(f"Hardhat tested nothing:\n{output[-2000:]}")
            return "survived"
        if "HHE910" in output or "Compilation failed" in output:
            return "invalid"
        if status is not None and " failing" not in output:
            raise CheckError(f"Hardhat failed for another reason than a test:\n{output[-2000:]}")
        return "killed"

    def end(self) -> None:
        """Ends what is running, from another thread. What it then says of a mutant is worthless."""
        process = self._running
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _nearest(self, mutant: Mutant) -> list[str]:
        names = NEAREST.get(Path(mutant.file).stem, ())
        tests = self.folder / "contracts" / "test"
        found = {path for name in names for path in tests.glob(f"{name}*.t.sol")}
        return sorted(f"contracts/test/{path.name}" for path in found)

    def _test(self, files: list[str] | None = None) -> tuple[int | None, str]:
        """Exit status, None when it took too long, and output."""
        command = [*hardhat_command(), "--build-profile", "mutation", "test", "solidity"]
        environment = tool_environment(ROOT / ".venv" / "bin", {})
        environment |= {
            "ASSENT_FUZZ_RUNS": str(FUZZ_RUNS),
            "HARDHAT_DISABLE_TELEMETRY": "true",
        }
        process = subprocess.Popen(
            [*command, *(files or []), "--grep-exclude", "invariant_"],
            cwd=self._project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._running = process
        try:
            output, _ = process.communicate(timeout=LIMIT_SECONDS)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            self.end()
            output, _ = process.communicate()
            return None, output
        finally:
            self._running = None
