"""The next commands of each persona on a federation that runs."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from scripts.local.layout import Layout
from scripts.local.settings import Settings


def next_commands(layout: Layout, settings: Settings, study: int | None) -> dict[str, list[str]]:
    """Command lines by persona; how to reach chain and IPFS is in the environment.

    Words in capitals are the reader's to fill in. Nobody but the named accounts holds ether, so
    what patients and reviewers sign is carried by the relayer.
    """
    site = _word(layout.site(settings.sites[0]))
    number = "STUDY" if study is None else str(study)
    carrier = f"--carrier-key {_word(layout.people / 'relayer.key')}"
    reviewer = _word(layout.people / "reviewer-1.key")
    coordinator = f"--coordinator {_word(layout.coordinator)} --app {_word(layout.app)}"
    state = _word(layout.state)
    return {
        "site engineer": [
            f"assent site load {site} EXPORT",
            f"assent site enrol {site} RECORD_ID --holder ADDRESS --out ENROLMENT.json",
        ],
        "patient": [
            "assent patient key MY.key",
            f"assent patient grant ENROLMENT.json --key MY.key {carrier}",
        ],
        "reviewer": [
            f"assent irb show {number}",
            f"assent irb suspend {number} --key {reviewer} {carrier}",
        ],
        "coordinator": [
            f"assent study run {number} {coordinator}",
            f"assent study bundle {number} BUNDLE",
        ],
        "app developer": [
            "curl $ASSENT_API/v1/studies",
            "curl $ASSENT_API/openapi.json",
        ],
        "everyone": [
            f"assent study show {number}",
            f"assent status --state {state}",
            f"assent down --state {state}",
        ],
    }


def _word(path: Path) -> str:
    """A path as one word of a shell's line."""
    return quote(str(path))
