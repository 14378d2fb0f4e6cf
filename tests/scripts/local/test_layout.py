"""The state folder: `assent up` fills its own, and leaves what others have made as it is."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from scripts.console import BadInput
from scripts.local.layout import Layout
from scripts.local.options import layout_to_fill
from tests.hospital import assent


def test_a_folder_of_something_else_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "report.txt").write_text("theirs")
    # An address that nothing answers: should it be filled all the same, nothing is started.
    refused = assent("up", "--state", shared, "--chain", "http://127.0.0.1:1")
    assert refused.code == 2
    assert "is neither empty nor a state of `assent up`" in refused.words
    assert [one.name for one in shared.iterdir()] == ["report.txt"]
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_path_that_is_too_long_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    state = tmp_path / ("å" * 50)
    refused = assent("up", "--state", state, "--chain", "http://127.0.0.1:1")
    assert refused.code == 2
    assert "that a Unix socket's path may have; name a folder with a shorter path" in refused.words
    assert not state.exists()


def test_a_file_is_no_state_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(BadInput, match="is no folder"):
        layout_to_fill(tmp_path / "state")


def test_a_new_an_empty_and_a_half_made_folder_and_a_state_are_filled(tmp_path: Path) -> None:
    layout = layout_to_fill(tmp_path / "state")
    layout.state.mkdir()
    assert layout_to_fill(layout.state) == layout
    layout.make()  # and broken off before anything was chosen
    assert layout_to_fill(layout.state) == layout
    layout.settings.write_text("{}")
    layout.deployment.write_text("{}")
    assert layout_to_fill(layout.state) == Layout(tmp_path / "state")
