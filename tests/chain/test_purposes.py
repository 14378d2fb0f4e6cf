"""The names of purposes are those that docs/purposes.md lists."""

import re

from chain.compile import ROOT
from chain.messages import Purpose


def test_every_documented_purpose_has_a_name_and_no_other() -> None:
    text = (ROOT / "docs" / "purposes.md").read_text(encoding="utf-8")
    conditions = text.index("Conditions have no place here")
    activities = text.index("## Bits 48 to 63")
    terms = re.findall(r"^\| (\d+) \| DUO:(\d{7}) ", text[:conditions], re.MULTILINE)
    acts = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", text[activities:], re.MULTILINE)
    assert terms
    assert all(int(bit) == int(number) for bit, number in terms)
    assert {int(bit) for bit, _ in terms + acts} == {p.value.bit_length() - 1 for p in Purpose}
    for bit, name in acts:
        assert Purpose[name] == 1 << int(bit)
