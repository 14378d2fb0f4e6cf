"""`assent site load` and `assent site enrol`."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.connection import require_address
from scripts.console import (
    BadInput,
    JsonOption,
    error_console,
    say,
    show_json,
    show_table,
    warn,
)
from scripts.exit_codes import REFUSED
from scripts.service import OptionalApi
from scripts.site.enrolments import give_code
from scripts.site.options import Folder, open_folder

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from federation.gate.records.lines import Progress
    from federation.gate.records.report import LoadReport

_DAY = 24 * 3600


def load(
    folder: Folder,
    exports: Annotated[
        list[Path], typer.Argument(help="Export files or folders.", metavar="EXPORT...")
    ],
    mapping: Annotated[
        Path | None, typer.Option(help="YAML mapping: the exports are LIS CSV, not FHIR.")
    ] = None,
    zone: Annotated[
        str, typer.Option(help="IANA zone of FHIR dates without a time, such as Europe/Berlin.")
    ] = "UTC",
    base_url: Annotated[
        str | None, typer.Option(help="This site's FHIR server, in absolute references.")
    ] = None,
    allow_rejected: Annotated[
        bool, typer.Option("--allow-rejected", help="Exit with 0 also when lines were rejected.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Load records from a FHIR R4 Bulk Data export (NDJSON, gzip) or, with --mapping, from LIS CSV.

    May be repeated: loading the same thing twice changes nothing. Rejected lines stop no other;
    they are listed with file, line number and what to do, and exit with 1. See docs/records.md.
    """
    from federation.gate.records.fhir import load_fhir
    from federation.gate.records.lis import load_lis
    from federation.gate.records.lis_mapping import read_mapping
    from federation.gate.records.store import RecordStore

    found = open_folder(folder)
    read = read_mapping(mapping) if mapping is not None else None
    if read is None and (csv := [one for one in exports if _is_csv(one)]):
        raise BadInput(f"{csv[0]} is CSV: say how to read it with --mapping (docs/records.md)")
    here = _zone(zone)
    with RecordStore.open(found / "records.db") as store, _Watched() as progress:
        if read is not None:
            report = load_lis(store, exports, read, progress=progress.lines)
        else:
            report = load_fhir(
                store, exports, zone=here, base_url=base_url, progress=progress.lines
            )
    if json_:
        show_json(report.to_json())
    else:
        _show(report)
    if report.rejected and not allow_rejected:
        raise typer.Exit(REFUSED)


def _is_csv(path: Path) -> bool:
    return path.is_file() and path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def enrol(
    folder: Folder,
    record_id: Annotated[str, typer.Argument(help="The record's id in the store.")],
    holder: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The patient's address for this study alone."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=366, help="How long the enrolment may be used.")
    ] = 30,
    out: Annotated[
        Path | None, typer.Option(help="Write a new file (mode 600) instead of printing.")
    ] = None,
    code: Annotated[
        bool,
        typer.Option("--code", help="Instead of --holder: a one-time code for the patient's app."),
    ] = False,
    hours: Annotated[int, typer.Option(min=1, max=720, help="How long the code may be used.")] = 72,
    qr: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write the code's QR image here.")
    ] = None,
    api: OptionalApi = None,
) -> None:
    """Sign that this site holds a record of the patient behind an address.

    Gives an enrolment (JSON, schema assent-enrolment-2): the patient's app or `assent patient
    grant` turns it into a consent. It names no record, can be used once, by that address alone, and
    is void once a consent to the use of the record is revoked. The site's chain node says when.

    With --code nobody has to tell an address: the patient's app reads the code, by its QR image or
    typed, and answers through the service, which never sees it (`assent site enrolments`).
    """
    from federation.app.chain_facts import issue_time
    from federation.gate.keys import SiteKeys
    from federation.gate.records.store import RecordStore
    from federation.gate.site import SiteConfig, connect
    from study.enrolment_file import EnrolmentFile

    found = open_folder(folder)
    if code == (holder is not None):
        raise BadInput("name the patient's address with --holder, or make a --code for it")
    if code and out is not None:
        raise BadInput("--out is for --holder: the patient's app fetches what a code gives")
    if holder is not None:
        require_address("--holder", holder)
    config = SiteConfig.load(found)
    with RecordStore.open(found / "records.db") as records:
        records.record(record_id)
    if holder is None:
        give_code(found, record_id, days, hours, api, qr)
        return
    # By the chain's time: a revocation voids every enrolment that was issued before it.
    chain = connect(found, config)
    issued_at, domain = issue_time(chain), chain.consent.domain
    deadline = max(issued_at, int(time.time())) + days * _DAY
    with closing(SiteKeys.open(found / "keys")) as keys:
        enrolment, signature = keys.enrol(
            record_id, holder, config.study_id, issued_at, deadline, domain
        )
    made = EnrolmentFile(domain.chain_id, domain.contract, enrolment, signature)
    if out is None:
        show_json(made.to_json())
        return
    made.save(out)
    warn(f"Wrote {out}: give it to the patient behind {holder}.")


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"--zone: {name!r} is not an IANA time zone such as Europe/Berlin") from None


class _Watched:
    """Progress on a terminal's stderr: lines read of each file."""

    def __init__(self) -> None:
        from rich.progress import Progress as Bar
        from rich.progress import SpinnerColumn, TextColumn

        console = error_console()
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}: {task.completed:,} lines"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> _Watched:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def lines(self) -> Progress:
        """What the loaders call."""

        def advance(label: str, read: int) -> None:
            if label not in self._tasks:
                self._tasks[label] = self._bar.add_task(label, total=None)
            self._bar.update(self._tasks[label], completed=read)

        return advance


def _show(report: LoadReport) -> None:
    show_table("Files", ["file", "lines"], report.files.items())
    show_table(
        "Resources",
        ["resource", "outcome", "count"],
        [
            (kind, outcome, count)
            for kind, outcomes in sorted(report.resources.items())
            for outcome, count in sorted(outcomes.items())
        ],
    )
    show_table(
        "Conversions",
        ["LOINC", "from", "to", "count"],
        [(*which, count) for which, count in sorted(report.conversions.items())],
    )
    show_table("Skipped", ["what", "count"], sorted(report.skipped.items()))
    show_table(
        "Rejected",
        ["file", "line", "code", "what to do"],
        sorted((one.file, one.line, one.code, one.message) for one in report.rejections),
    )
    hidden = report.rejected - len(report.rejections)
    if hidden:
        say(f"... and {hidden} more rejected lines; mend these first, or use --json.")
    if report.dropped_with_patient:
        say(f"{report.dropped_with_patient} stored results were dropped with their patient.")
    say(f"{report.loaded} resources are loaded, {report.rejected} lines were rejected.")
