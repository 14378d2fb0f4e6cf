"""docs/gas.md: the table as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assurance.gas.holders import KINDS
from assurance.gas.measure import FEW, LARGE, MANY, PAGE, SMALL
from assurance.gas.table import COMPARISONS
from chain.compile import ROOT

FILE: Path = ROOT / "docs" / "gas.md"

_TEMPLATE = Path(__file__).with_name("page.md")

_KINDS = {
    "eoa": "an account's key",
    "p256": "a P-256 key (ERC-7913)",
    "webauthn": "a browser's passkey (ERC-7913, WebAuthn)",
}


def page(gas: Mapping[str, int]) -> str:
    """The whole page. Raises KeyError when a number is missing."""
    return _TEMPLATE.read_text(encoding="utf-8").format(
        consent=_consent(gas),
        peer=_peer(gas),
        rounds=_rounds(gas),
        approvals=_approvals(gas),
        page_tokens=f"{PAGE:,}",
        page_gas=f"{gas[f'activeTokens, page of {PAGE}']:,}",
    )


def _consent(gas: Mapping[str, int]) -> str:
    rows = []
    for act in ("grant", "revoke"):
        rows.append([f"`{act}`", "sent by the holder", *_both(gas, act), ""])
        for kind in KINDS:
            key = f"{act}BySig/{kind}"
            first = gas.get(f"{key}, first at a site")
            shown = "" if first is None else f"{first:,}"
            rows.append([f"`{act}BySig`", _KINDS[kind], *_both(gas, key), shown])
    titles = ["act", "signer", f"{FEW} tokens", f"{MANY:,} tokens", "first at a site"]
    return _table(titles, rows, words=2)


def _both(gas: Mapping[str, int], act: str) -> list[str]:
    return [f"{gas[f'{act}, {tokens} tokens']:,}" for tokens in (FEW, MANY)]


def _peer(gas: Mapping[str, int]) -> str:
    rows = []
    for compared in COMPARISONS:
        ours, peers = gas[compared.ours], gas[compared.peers]
        aim = "" if compared.aim is None else f"{compared.aim}"
        row = [compared.ours, compared.peers, f"{ours:,}", f"{peers:,}", f"{ours / peers:.3f}", aim]
        rows.append(row)
    return _table(["ours", "EAS", "gas", "gas of EAS", "ratio", "aim: at most"], rows, words=2)


def _rounds(gas: Mapping[str, int]) -> str:
    cases = ["first round", f"{FEW} tokens", f"{MANY} tokens"]
    places = [(sites, case) for sites in (SMALL, LARGE) for case in cases]
    titles = [f"{sites} sites, {_case(case)}" for sites, case in places]
    rows = [
        [f"`{act}`", *(f"{gas[f'{act}, {sites} sites, {case}']:,}" for sites, case in places)]
        for act in ("open", "commit", "seal", "close")
    ]
    return _table(["act", *titles], rows, words=1)


def _case(case: str) -> str:
    return case.replace(f"{MANY}", f"{MANY:,}")


def _approvals(gas: Mapping[str, int]) -> str:
    rows = [
        [
            f"{sites}",
            *(f"{gas[f'approve, {sites} sites, {which}']:,}" for which in ("first", "in force")),
        ]
        for sites in (SMALL, LARGE)
    ]
    return _table(["sites", "`approve`, the first", "`approve`, brings it in force"], rows, words=1)


def _table(titles: list[str], rows: list[list[str]], words: int) -> str:
    """Markdown; the first `words` columns hold text, the others numbers."""
    rule = ["---" if number < words else "---:" for number in range(len(titles))]
    return "".join("| " + " | ".join(row) + " |\n" for row in [titles, rule, *rows])
