"""Every condition is negated, and a sample is spread over what there is."""

import re
from collections import Counter
from pathlib import Path

import pytest

from assurance.mutation.conditions import NEGATION, negations
from assurance.mutation.mutants import Mutant, _says_the_same, sample
from assurance.outcome import CheckError
from assurance.sources import contract_files, with_imports

CONTRACT = """
pragma solidity ^0.8.28;
contract Small {
    bool public told;
    mapping(address => bool) public known;
    function act(uint256 x, uint256 y, bool early) external returns (bool found) {
        if (x > 1
            && (y < 2 || early)) told = x == y;
        for (uint256 i = 0; i < x; ++i) { if (!known[msg.sender]) return true; }
        bool late = !early;
        uint256 z = late ? x : y;
        _require(z != 0, "z");
        known[msg.sender] = true;
        return z > 3 && z < 9 && known[msg.sender];
    }
    function _require(bool holds, string memory) private pure { if (!holds) revert(); }
}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "contracts" / "test").mkdir(parents=True)
    (root / "contracts" / "Small.sol").write_text(CONTRACT, encoding="utf-8")
    (root / "contracts" / "test" / "Small.t.sol").write_text("not Solidity", encoding="utf-8")
    return root


def test_every_condition_has_its_negation(root: Path) -> None:
    found = [" ".join(new.split()) for _, _, _, new in negations(root)]
    assert sorted(found) == sorted(
        [
            "!(x > 1 && (y < 2 || early))",
            "!(x > 1)",
            "!(y < 2 || early)",
            "!(y < 2)",
            "!(early)",
            "!(x == y)",
            "!(i < x)",
            "!(!known[msg.sender])",
            "!(!early)",
            "!(late)",
            "!(z != 0)",
            "!(z > 3 && z < 9 && known[msg.sender])",
            "!(z > 3)",
            "!(z < 9)",
            "!(known[msg.sender])",
            "!(!holds)",
        ]
    )


def test_a_negation_replaces_exactly_its_condition(root: Path) -> None:
    original = CONTRACT.encode()
    for file, start, end, new in negations(root):
        assert file == "contracts/Small.sol"
        assert new == f"!({original[start:end].decode()})"


def test_what_does_not_compile_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "Bad.sol").write_text("contract {", encoding="utf-8")
    with pytest.raises(CheckError, match="do not compile"):
        negations(tmp_path)


def many() -> list[Mutant]:
    operators = ["AOR"] * 80 + ["ROR"] * 15 + ["UOR"] * 3 + [NEGATION] * 20
    return [
        Mutant(f"contracts/{name}.sol", index, index + 1, "x", operator)
        for name in ("A", "B", "C")
        for index, operator in enumerate(operators)
    ]


def test_a_sample_is_spread_over_files_and_operators_and_holds_all_negations() -> None:
    mutants = many()
    chosen = sample(mutants, 48, seed=3)
    counts = Counter((mutant.file, mutant.operator) for mutant in chosen)
    for name in ("A", "B", "C"):
        file = f"contracts/{name}.sol"
        assert counts[file, NEGATION] == 20
        assert counts[file, "UOR"] == 3
        assert counts[file, "AOR"] in (4, 5) and counts[file, "ROR"] in (4, 5)
    assert len(chosen) == len(set(chosen)) >= 48


@pytest.mark.parametrize(
    ("condition", "new", "same"),
    [
        ("x == 0", "x  <=  0", True),
        ("a.b[c] != 0", "a.b[c]  >  0", True),
        ("x == 0", "x != 0", False),
        ("x != 0", "x <= 0", False),
        ("x == 0", "y <= 0", False),
        ("x == 0 && y == 0", "x == 0 && y <= 0", False),
        ("x == 01", "x <= 01", False),
    ],
)
def test_no_unsigned_number_is_below_zero(condition: str, new: str, same: bool) -> None:
    mutant = Mutant("contracts/A.sol", 4, 4 + len(condition), new, "ROR")
    assert _says_the_same(f"if ({condition}) y;".encode(), mutant) is same


def test_the_contracts_have_no_signed_numbers() -> None:
    for name, text in with_imports(contract_files()).items():
        if name.startswith("contracts/"):
            code = re.sub(r"//.*", "", text)
            assert re.search(r"\bint\d*\b", code) is None, name
