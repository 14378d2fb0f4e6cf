"""Contract functions as the node takes them: the data of a call, and the value of its answer.

web3's contract objects read the whole ABI again for each call; this reads it once a process.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Annotated, Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.providers.base import BaseProvider

from chain.artifacts import AnyName, artifact
from chain.light_dataclass import light_dataclass
from chain.solidity import Abi
from chain.words import WordInvalid, values_reader

# Refuses bytes of another length than their type has; eth_abi alone pads what is too short.
_STRICT = Web3(BaseProvider(), middleware=[], modules={}).codec
_PLAIN = re.compile(r"(uint[0-9]+|address|bool|bytes[0-9]*|string)(\[\])*")


@light_dataclass(frozen=True)
class Function:
    """One function: its 4-byte selector and the ABI types that go in and come out."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def call_data(self, arguments: Sequence[Any]) -> bytes:
        """The selector and the arguments, as `chain.solidity.to_abi` gives them.

        Raises eth_abi.exceptions.EncodingError, or ValueError for another number of arguments.
        """
        if len(arguments) != len(self.inputs):
            raise ValueError(f"the function takes {len(self.inputs)} arguments")
        if any(isinstance(one, list | tuple) for one in arguments):
            return self.selector + _encoded(self.inputs, arguments)
        return self.selector + _encoded_before(self.inputs, *arguments)

    def result(self, answer: bytes) -> Any:
        """What it returned: nothing, one value, or a tuple; addresses are EIP-55 strings.

        Addresses inside structs are not: `chain.solidity.struct_from_abi` gives them so. Raises
        eth_abi.exceptions.DecodingError.
        """
        read = _reader_of(self.outputs)
        try:
            if read is None:
                values = tuple(map(_checksummed, self.outputs, decode(self.outputs, answer)))
            else:
                values = tuple(map(_as_eth_abi_gives, self.outputs, read(answer)))
        except WordInvalid as error:
            raise DecodingError(str(error)) from error
        return values[0] if len(values) == 1 else values or None


def _encoded(inputs: tuple[str, ...], arguments: Sequence[Any]) -> bytes:
    return bytes(_STRICT.encode(inputs, arguments))


# Views are asked with the same arguments again and again, and an address costs a hash each time.
# Of single values alone: inside a struct, True would be found in the place of 1.
@lru_cache(maxsize=1024, typed=True)
def _encoded_before(inputs: tuple[str, ...], *arguments: Any) -> bytes:
    return _encoded(inputs, arguments)


@cache
def _reader_of(outputs: tuple[str, ...]) -> Callable[[bytes], list[Any]] | None:
    """Reads values without structs word by word, at a tenth of what `eth_abi` takes."""
    if any(not _PLAIN.fullmatch(kind) for kind in outputs):
        return None
    return values_reader([_hint_of(kind) for kind in outputs])


def _hint_of(kind: str) -> Any:
    """The annotation that stands for an ABI type (`chain.solidity`)."""
    if kind.endswith("[]"):
        return tuple[_hint_of(kind.removesuffix("[]")), ...]  # type: ignore[misc]
    return Annotated[Any, Abi(kind)]


def _as_eth_abi_gives(kind: str, value: Any) -> Any:
    return list(value) if kind == "address[]" else value


def _checksummed(kind: str, value: Any) -> Any:
    if kind == "address":
        return str(to_checksum_address(value))
    return [str(to_checksum_address(one)) for one in value] if kind == "address[]" else value


class _Functions(Mapping[str, Function]):
    """Each made when it is first asked for: a process needs a few of a hundred."""

    def __init__(self, abi: Sequence[Any]) -> None:
        entries: dict[str, list[Any]] = {}
        for entry in abi:
            if entry["type"] == "function":
                entries.setdefault(entry["name"], []).append(entry)
        self._entries = {name: only for name, (only, *more) in entries.items() if not more}
        self._made: dict[str, Function] = {}

    def __getitem__(self, name: str) -> Function:
        if name not in self._made:
            entry = self._entries[name]
            types = (
                tuple(collapse_if_tuple(dict(one)) for one in entry[side])
                for side in ("inputs", "outputs")
            )
            self._made[name] = Function(function_abi_to_4byte_selector(entry), *types)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@cache
def functions(contract: AnyName) -> Mapping[str, Function]:
    """A contract's functions by name, without those whose name stands for more than one."""
    return _Functions(artifact(contract).abi)
