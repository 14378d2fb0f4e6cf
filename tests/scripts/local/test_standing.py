"""The study that `assent up` brings into force."""

from chain.messages import Purpose
from scripts.demo.demo import DESIGN
from scripts.demo.texts import CONSENT_TEXTS
from scripts.local.standing import design
from tests.hospital import assent


def test_the_study_undertakes_what_its_consent_text_says() -> None:
    """A patient who makes a condition of it, as they read it, must be in its rounds."""
    assert "organisations that are not for profit" in CONSENT_TEXTS["en"]
    for made in (design(2), design(5), DESIGN):
        assert Purpose.NOT_FOR_PROFIT in made.undertakings


def test_help_says_where_everything_is_kept_without_an_option() -> None:
    for command in ("up", "down", "status"):
        shown = " ".join(assent(command, "--help").out.split())
        assert "~/.local/share/assent" in shown, command
