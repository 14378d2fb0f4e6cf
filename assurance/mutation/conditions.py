"""The negation of every condition: what branches, and what says yes or no.

Read from the compiler's syntax tree, so that conditions over several lines, parts of `&&` and `||`,
and conditions that are returned, assigned or passed on are all there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assurance.sources import ROOT, compile_contracts, contract_files, standard_json, with_imports

#: The operator of these mutants.
NEGATION = "NEG"

#: Members of a node that hold a condition when they are of type bool.
_PLACES = {
    "IfStatement": ("condition",),
    "WhileStatement": ("condition",),
    "DoWhileStatement": ("condition",),
    "ForStatement": ("condition",),
    "Conditional": ("condition", "trueExpression", "falseExpression"),
    "Return": ("expression",),
    "Assignment": ("rightHandSide",),
    "VariableDeclarationStatement": ("initialValue",),
    "FunctionCall": ("arguments",),
    "TupleExpression": ("components",),
}
_JUNCTIONS = {"&&", "||"}


def negations(root: Path = ROOT) -> list[tuple[str, int, int, str]]:
    """(file, start, end, new) of each, offsets in bytes. Raises CheckError if nothing compiles."""
    files = contract_files(root)
    settings = {"outputSelection": {"*": {"": ["ast"]}}}
    answer = compile_contracts(standard_json(with_imports(files, root), settings))
    found = set()
    for file in files:
        original = (root / file).read_bytes()
        for condition in _conditions(answer["sources"][file]["ast"]):
            start, length = (int(part) for part in condition["src"].split(":")[:2])
            text = original[start : start + length].decode()
            found.add((file, start, start + length, f"!({text})"))
    return sorted(found)


def _conditions(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for one in node:
            yield from _conditions(one)
    elif isinstance(node, dict):
        places: tuple[str, ...] = _PLACES.get(node.get("nodeType", ""), ())
        junction = node.get("operator") if node.get("nodeType") == "BinaryOperation" else None
        if junction in _JUNCTIONS:
            places = ("leftExpression", "rightExpression")
        for place in places:
            here = node.get(place)
            for one in here if isinstance(here, list) else [here]:
                # `a && b && c` is three conditions, and `a && b` is none of them.
                if one is not None and _is_condition(one) and not _continues(one, junction):
                    yield one
        for child in node.values():
            yield from _conditions(child)


def _continues(expression: dict[str, Any], junction: str | None) -> bool:
    return junction in _JUNCTIONS and expression.get("operator") == junction


def _is_condition(expression: dict[str, Any]) -> bool:
    if expression.get("typeDescriptions", {}).get("typeString") != "bool":
        return False
    # Parentheses: what is in them is found as their component.
    return expression["nodeType"] not in {"Literal", "TupleExpression"}
