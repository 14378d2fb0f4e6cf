"""Ctrl-C and SIGTERM while rounds run elsewhere: `test_run` has a run that hears them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from federation.app.package import stage_app
from scripts.study.stopping import Stopping


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    stage_app(folder)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_asks_and_the_second_leaves(
    number: signal.Signals, app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), Stopping(tmp_path, app) as stopping:
        asked = tmp_path / stopping.run_config["stop-file"]
        assert not asked.exists()
        signal.raise_signal(number)
        assert asked.exists()
        signal.raise_signal(number)
    assert asked.exists()  # the run that goes on still has to find it
    assert "no other is opened" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_what_was_asked_for_too_late_is_not_left_behind(app: Path, tmp_path: Path) -> None:
    with Stopping(tmp_path, app) as stopping:
        signal.raise_signal(signal.SIGINT)
    assert not stopping.was_heard
    assert not list(tmp_path.glob("stop-*"))


def test_an_app_that_cannot_be_told_is_not_said_to_stop(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flower refuses a setting that an app does not declare."""
    settings = app / "pyproject.toml"
    settings.write_text(settings.read_text().replace('stop-file = ""\n', ""))
    with pytest.raises(KeyboardInterrupt), Stopping(tmp_path, app) as stopping:
        assert stopping.run_config == {}
        signal.raise_signal(signal.SIGINT)
    assert "goes on with all rounds that were asked for" in capsys.readouterr().err
