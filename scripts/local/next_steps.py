"""The next command of each persona on a federation that runs."""

from __future__ import annotations

from scripts.local.layout import Layout
from scripts.local.settings import Settings


def next_commands(layout: Layout, settings: Settings, study: int | None) -> dict[str, str]:
    """One command line each, by persona; the connection is in the environment."""
    first = layout.site(settings.sites[0])
    number = "STUDY" if study is None else study
    return {
        "site engineer": f"assent site load {first} EXPORT_FOLDER",
        "patient": f"assent patient --help   # study {number}",
        "reviewer": f"assent irb --help       # keys: {layout.people}/reviewer-1.key and so on",
        "coordinator": f"assent study --help     # key: {layout.coordinator}/account.key",
        "everyone": f"assent status --state {layout.state}",
        "to stop": f"assent down --state {layout.state}",
    }
