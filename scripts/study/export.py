"""`assent study export`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from scripts.connection import DeploymentFile
from scripts.console import BadInput, JsonOption, say, show_json, warn
from scripts.known_contracts import KnownStudy, known_contracts
from scripts.study.beside_bundle import require_beside
from scripts.trusted_block import TrustBlock, hash_of


def export(
    bundle: Annotated[Path, typer.Argument(help="The bundle: its folder, or its one file.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A new folder for what is written.")
    ],
    deployment: DeploymentFile,
    trust_block: TrustBlock = "",
    study: KnownStudy = None,
    json_: JsonOption = False,
) -> None:
    """Write a study's evidence as an RO-Crate: the bundle, its provenance (PROV), its metadata.

    The bundle is verified first. When it does not hold nothing is written, and the exit code is 1.
    """
    from audit.bundle_archive import write_archive
    from study.evidence_facts import read_facts
    from study.prov_json import prov_json
    from study.ro_crate import BUNDLE, METADATA, PROVENANCE, write_crate

    if out.exists():
        raise BadInput(f"{out} is there already: name a new folder")
    require_beside(out, bundle)
    warn(f"Verifying {bundle} ...")
    known = known_contracts(deployment)
    facts = read_facts(bundle, hash_of(trust_block), known, study=study)
    if not facts.report.ok or facts.study is None:
        warn(
            f"{len(facts.report.failed)} of {len(facts.report.checks)} checks do not hold, so"
            " nothing is written: `assent verify` names them."
        )
        raise typer.Exit(1)
    out.mkdir(parents=True)
    if bundle.is_dir():
        write_archive(bundle, out / BUNDLE)
    else:
        shutil.copyfile(bundle, out / BUNDLE)
    text = prov_json(facts.contracts, facts.study)
    (out / PROVENANCE).write_text(text, encoding="utf-8")
    write_crate(facts, facts.study, out)
    if json_:
        files = [str(out / name) for name in (BUNDLE, PROVENANCE, METADATA)]
        show_json({"study": facts.report.study, "ok": True, "files": files})
        return
    say(
        f"{out} is an RO-Crate of study {facts.report.study}: {BUNDLE}, {PROVENANCE} and"
        f" {METADATA}, up to block {facts.report.block_number}."
    )
