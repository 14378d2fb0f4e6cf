"""The verifier's verdict on hundreds of thousands of bundles that differ in one byte.

The checks are the verifier's own, run in the order that finds a change soonest and only until one
fails. What a change does not touch is not computed again: pure functions (signatures, hashes,
proofs, parsing) are remembered by their arguments, and what was proven of unchanged chain/ files is
kept. A test compares verdicts with `audit.verify`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from types import ModuleType
from typing import Any

import audit.canonical_json
import audit.checks.contracts
import audit.checks.files
import audit.checks.history
import audit.checks.signatures
import audit.evidence
import audit.fields
import audit.known_code
from audit import verify as verifier
from audit.bundle import Bundle
from audit.checks.context import Context
from audit.checks.contracts import check_anchor
from audit.report import Check, CheckFailed, Kind, Recorder
from chain import events as ev

_REMEMBERED: tuple[tuple[ModuleType, str], ...] = (
    (audit.checks.signatures, "recover"),
    (audit.checks.contracts, "keccak"),
    (audit.checks.contracts, "prove_account"),
    (audit.checks.contracts, "prove_storage"),
    (audit.checks.history, "advance"),
    (audit.checks.files, "sha256"),
    (audit.fields, "hexadecimal"),
    (audit.known_code, "keccak"),
    (audit.canonical_json, "loads"),
    (ev, "decode"),
)
_REMEMBERED_FOR_AN_OBJECT = (
    (audit.checks.files, "root_of", 8),
    (audit.evidence, "_record", 4096),
)
"""What cannot be hashed is known again by being the same object."""


@contextmanager
def remembering(entries: int = 512) -> Iterator[None]:
    """Pure functions remember their newest answers."""
    with ExitStack() as stack:
        for module, name in _REMEMBERED:
            _replace(stack, module, name, functools.lru_cache(entries))
        for module, name, most in _REMEMBERED_FOR_AN_OBJECT:
            _replace(stack, module, name, functools.partial(_by_object, entries=most))
        yield


def _replace(
    stack: ExitStack, module: ModuleType, name: str, wrap: Callable[[Any], Callable[..., Any]]
) -> None:
    function = getattr(module, name)
    stack.callback(setattr, module, name, function)
    setattr(module, name, wrap(function))


def _by_object(function: Callable[..., Any], entries: int) -> Callable[..., Any]:
    """The answer for the very same first argument; it is kept, so that no other takes its id."""
    known: dict[int, tuple[object, Any]] = {}

    def remembered(first: object, *others: object) -> Any:
        if id(first) not in known:
            if len(known) == entries:
                known.clear()
            known[id(first)] = first, function(first, *others)
        return known[id(first)][1]

    return remembered


class Found(BaseException):
    """The first check that fails. No `Exception`: groups would take it for a finding."""

    def __init__(self, check: Check) -> None:
        super().__init__(check)
        self.check = check


class FirstFailure(Recorder):
    """Ends with the first check that fails."""

    def add(
        self, name: str, object_: str, ok: bool, detail: str, kind: Kind = Kind.RECOMPUTED
    ) -> bool:
        if not ok:
            raise Found(Check(name, ok, object_, detail, kind))
        return True

    @contextmanager
    def group(self, name: str, object_: str) -> Iterator[None]:
        try:
            yield
        except CheckFailed:
            raise
        except Exception as error:  # noqa: BLE001 - as the verifier does
            raise Found(Check(name, False, object_, f"{type(error).__name__}: {error}")) from None


class Judge:
    """Verdicts on variants of one bundle that holds. Use within `remembering`."""

    def __init__(self, bundle: Bundle, trust_block: bytes) -> None:
        """Raises ValueError when the bundle itself does not hold."""
        self.bundle, self.trust_block = bundle, trust_block
        self._groups = dict(verifier._GROUPS)  # the verifier's own, not a copy of them
        self._proven: Context | None = None
        first = self.verdict(bundle)
        if first is not None:
            raise ValueError(f"the bundle does not hold: {first}")
        self._proven = Context(bundle, record=FirstFailure())
        self._of_chain(self._proven)

    def verdict(self, changed: Bundle) -> Check | None:
        """The first check that fails; None when the verifier would say that all hold."""
        context = self._context(changed)
        try:
            self._run(context, ("files",))
            if context.state is None:
                self._of_chain(context)
            self._run(context, ("documents", "references"))
            done = ("files", "contracts", "history", "documents", "references")
            self._run(context, [name for name in self._groups if name not in done])
        except Found as found:
            return found.check
        return None

    def _context(self, changed: Bundle) -> Context:
        """With all that is known of the chain when nothing of that was changed."""
        context, old = Context(changed, record=FirstFailure()), self.bundle
        proven = self._proven
        apart = {"files": old.files, "objects": old.objects, "listed": old.listed, "root": old.root}
        if proven is None or replace(changed, **apart) != old:  # type: ignore[arg-type]
            return context
        for path, data in old.files.items():
            if path.startswith("chain/") and changed.files.get(path) is not data:
                return context
        context.evidence, context.header = proven.evidence, proven.header
        context.running_hashes, context.rho_spent = proven.running_hashes, proven.rho_spent
        context.state = proven.state
        return context

    def _of_chain(self, context: Context) -> None:
        with context.record.group("anchor", "chain/header.rlp"):
            check_anchor(context, self.trust_block)
        self._run(context, ("contracts", "history"))

    def _run(self, context: Context, names: tuple[str, ...] | list[str]) -> None:
        for name in names:
            with suppress(CheckFailed), context.record.group(name, "bundle"):
                self._groups[name](context)
