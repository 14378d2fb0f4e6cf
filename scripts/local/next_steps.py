"""The next commands of each persona on a federation that runs."""

from __future__ import annotations

from scripts.local.layout import Layout
from scripts.local.settings import Settings


def next_commands(layout: Layout, settings: Settings, study: int | None) -> dict[str, list[str]]:
    """Command lines by persona; how to reach chain and IPFS is in the environment.

    Words in capitals are the reader's to fill in. Nobody but the named accounts holds ether, so
    what patients and reviewers sign is carried by the relayer.
    """
    site = layout.site(settings.sites[0])
    number = "STUDY" if study is None else str(study)
    carrier = f"--carrier-key {layout.people / 'relayer.key'}"
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
            f"assent irb suspend {number} --key {layout.people / 'reviewer-1.key'} {carrier}",
        ],
        "coordinator": [
            f"assent study run {number} --coordinator {layout.coordinator} --app {layout.app}",
            f"assent study bundle {number} BUNDLE",
        ],
        "app developer": [
            "curl $ASSENT_API/v1/studies",
            "curl $ASSENT_API/openapi.json",
        ],
        "everyone": [
            f"assent study show {number}",
            f"assent status --state {layout.state}",
            f"assent down --state {layout.state}",
        ],
    }
