"""Numbers and accounts in paths, queries and bodies, within what the contracts can hold."""

from __future__ import annotations

from typing import Annotated

from eth_utils.address import is_address, to_checksum_address
from fastapi import Path
from pydantic import AfterValidator, Field


def _account(text: str) -> str:
    if not text.startswith("0x") or not is_address(text):
        raise ValueError("an account is 0x and 40 hexadecimal digits, with its EIP-55 checksum")
    return str(to_checksum_address(text))


#: An account, told with its EIP-55 checksum whichever way it was given.
Account = Annotated[str, AfterValidator(_account), Field(max_length=42)]
#: A study's number: the registry counts in uint64, of which a database holds the lower half.
StudyId = Annotated[int, Path(ge=1, lt=2**63, description="The study's number.")]
VersionNumber = Annotated[int, Path(ge=1, lt=2**32, description="A version of its terms.")]
RoundNumber = Annotated[int, Path(ge=1, lt=2**32, description="A round's number.")]
