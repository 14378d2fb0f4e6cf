"""The error catalogue as a page: `python -m api.catalogue > docs/errors.md`."""

from __future__ import annotations

import importlib
import pkgutil

import api
from api.problems import catalogue, refusal_codes

_HEAD = """# Errors of the service

Every error is a problem details object (RFC 9457, `application/problem+json`) with a stable
`code`. `type` is its page on the service itself (`/problems/CODE`), `detail` says what was wrong
with the very request, `request_id` is what an operator asks for. Codes do not change; a new kind of
error gets a new one. Written by `python -m api.catalogue`; a test compares.

"""


def page() -> str:
    """Markdown: the service's own problems, then what the contracts refuse."""
    for module in pkgutil.walk_packages(api.__path__, "api."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    own = ["| code | status | what | why | what to do |", "| --- | --- | --- | --- | --- |"]
    own += [
        f"| `{one.code}` | {one.status_code_} | {one.summary} | {one.why} | {one.fix} |"
        for one in catalogue()
    ]
    refused = ["| `refusal` | what the contract says |", "| --- | --- |"]
    refused += [f"| `{code}` | {says} |" for code, says in sorted(refusal_codes().items())]
    return (
        _HEAD
        + "\n".join(own)
        + "\n\n## What the contracts refuse\n\nWith code `contract-refuses`, `refusal` names the"
        + " contract's own error; values in braces are filled in.\n\n"
        + "\n".join(refused)
        + "\n"
    )


if __name__ == "__main__":
    print(page(), end="")
