"""Dataclasses that share their methods, for a process that lives for one message.

`dataclasses.dataclass` writes source text for up to six methods of each class and compiles it:
for some two hundred classes a tenth of a second of every message. A class made here is a dataclass
to everybody else (`fields`, `replace`, `asdict`, `match`), and its methods do the same. What a
type checker sees is `dataclasses.dataclass` itself.
"""

from dataclasses import MISSING, FrozenInstanceError, dataclass
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["light_dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass as light_dataclass
else:

    def light_dataclass(*, frozen=False, eq=True):
        """As `dataclasses.dataclass`; fields have no option but a default value.

        A light class derives from light ones only. Raises TypeError for a field that is not so
        plain.
        """

        def decorate(cls):
            if cls.__doc__ is None:  # otherwise `dataclass` makes one up from the signature
                cls.__doc__ = cls.__name__
            made = dataclass(init=False, repr=False, eq=False)(cls)
            _refuse_options(made)
            methods = {"__init__": _init, "__repr__": _repr}
            if eq:
                methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
            if frozen:
                methods |= {"__setattr__": _refuse_change, "__delattr__": _refuse_change}
            for name, method in methods.items():
                if name not in cls.__dict__:
                    setattr(made, name, method)
            return made

        return decorate


def _refuse_options(cls: Any) -> None:
    for name, one in cls.__dataclass_fields__.items():
        # Python 3.11 keeps ClassVars there as well, which are no fields
        if one.default_factory is not MISSING or one.kw_only is True or not one.init:
            raise TypeError(f"{cls.__name__}.{name} has an option that a light dataclass lacks")


def _init(self: Any, *values: Any, **named: Any) -> None:
    names: tuple[str, ...] = self.__match_args__
    if named or len(values) != len(names):
        values = _in_order(type(self), names, values, named)
    self.__dict__.update(zip(names, values, strict=True))
    check = getattr(self, "__post_init__", None)
    if check is not None:
        check()


def _in_order(
    cls: Any, names: tuple[str, ...], values: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, ...]:
    if len(values) > len(names):
        raise TypeError(f"{cls.__name__} takes {len(names)} values, and {len(values)} were given")
    for name in named:
        if name not in names:
            raise TypeError(f"{cls.__name__} has no field {name}")
        if name in names[: len(values)]:
            raise TypeError(f"{cls.__name__}.{name} is given twice")
    found = list(values)
    for name in names[len(values) :]:
        value = named.get(name, MISSING)
        if value is MISSING:
            value = cls.__dataclass_fields__[name].default
        if value is MISSING:
            raise TypeError(f"{cls.__name__}.{name} is missing")
        found.append(value)
    return tuple(found)


def _held(self: Any) -> tuple[Any, ...]:
    held = self.__dict__
    return tuple([held[name] for name in self.__match_args__])


@recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{name}={self.__dict__[name]!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: object) -> Any:
    return _held(self) == _held(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_held(self))


def _refuse_change(self: Any, name: str, *_value: Any) -> None:
    raise FrozenInstanceError(f"{type(self).__name__}.{name} cannot be changed")
