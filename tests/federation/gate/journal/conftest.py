"""A journal that nobody has used."""

import pytest

from federation.gate.journal import Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def journal(path):
    opened = Journal.open(path)
    yield opened
    opened.close()
