"""`assent site join`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.connection import LAST_STUDY, require_address
from scripts.console import BadInput, JsonOption, say, show_facts, show_json
from scripts.deployment_file import read_deployment
from scripts.site.options import Folder, existing_file, open_folder

if TYPE_CHECKING:
    from federation.gate.flower_settings import FlowerSettings


def join(
    folder: Folder,
    study: Annotated[int, typer.Option(min=1, max=LAST_STUDY, help="The study's number.")],
    deployment: Annotated[Path, typer.Option(help="The coordinator's deployment file.")],
    rpc: Annotated[str, typer.Option(metavar="URL", help="This site's own chain node.")],
    ipfs: Annotated[
        str, typer.Option(metavar="MULTIADDR", help="This site's IPFS node: /ip4/…/tcp/…/http.")
    ],
    superlink: Annotated[str, typer.Option(metavar="HOST:PORT", help="The study's SuperLink.")],
    ca: Annotated[Path, typer.Option(help="PEM file of the SuperLink's authority.")],
    reviewer: Annotated[
        list[str],
        typer.Option(metavar="ADDR", help="A reviewer, as the ethics board told you; one each."),
    ],
    threshold: Annotated[int, typer.Option(min=1, help="How many reviewers have to approve.")],
    max_head_age: Annotated[
        int,
        typer.Option(
            min=0,
            help="Refuse a chain node whose newest block is older (s); 0 for chains that make a"
            " block only when there is a transaction.",
        ),
    ] = 0,
    replay_days: Annotated[
        int,
        typer.Option(
            min=0,
            help="How long after a round what it was computed from is kept, so that it can be"
            " replayed; never less than the terms let a reviewer ask.",
        ),
    ] = 90,
    record_tally: Annotated[
        Path | None,
        typer.Option(
            help="The file in which all of the hospital's studies count what each record gave;"
            " record-tally.db beside FOLDER unless this or an earlier join says otherwise.",
        ),
    ] = None,
    record_rho_ceiling: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="The most rho that one record gives to all studies together; 1.539 (epsilon 10"
            " at delta 1e-6) unless this or an earlier join says otherwise.",
        ),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Check a study against this site's own chain node, show its terms and join it.

    Nothing is sent. Committee and threshold have to come from the ethics board, not from the
    coordinator: they are what this site trusts.
    """
    from federation.gate.joining import join_study
    from federation.gate.keys import SiteKeys
    from federation.gate.site import SiteConfig
    from federation.gate.site_folder import DEPLOYMENT_FILE
    from study.terms_text import describe_terms

    found = open_folder(folder)
    _refuse_bad_committee(reviewer, threshold)
    _refuse_bad_multiaddress(ipfs)
    config = SiteConfig(
        study_id=study,
        rpc_url=rpc,
        deployment=DEPLOYMENT_FILE,
        ipfs_api=ipfs,
        reviewers=tuple(reviewer),
        threshold=threshold,
        max_head_age_seconds=max_head_age,
        replay_days=replay_days,
        **_record_settings(found, record_tally, record_rho_ceiling),
    )
    keys = SiteKeys.open(found / "keys")
    record, settings = read_deployment(deployment), _settings(superlink)
    ca_file = existing_file(ca, "--ca")
    try:
        joined = join_study(found, keys, config, record, settings, ca_file)
    except ValueError as error:
        raise BadInput(f"--rpc: {error}") from None
    finally:
        keys.close()
    facts = describe_terms(joined.terms, keys.public.account)
    if json_:
        show_json({"study": study, "version": joined.version, "terms": dict(facts)})
        return
    show_facts(f"Study {study}, version {joined.version}", facts)
    say(f"Joined study {study}. Read the terms above; if they are not those that your hospital")
    say("agreed to, do not start. Next: `assent site load`, then `assent site preflight`.")


def _record_settings(folder: Path, tally: Path | None, ceiling: float | None) -> dict[str, Any]:
    """What the hospital settles for all its studies; an earlier choice stays."""
    from federation.gate.site import RECORD_TALLY_FILE, SiteConfig

    settings: dict[str, Any] = {"record_tally": f"../{RECORD_TALLY_FILE}"}
    if (folder / "site.json").exists():
        earlier = SiteConfig.load(folder)
        settings = {
            "record_tally": earlier.record_tally,
            "record_rho_ceiling": earlier.record_rho_ceiling,
        }
    if tally is not None:
        settings["record_tally"] = str(tally.absolute())
    if ceiling is not None:
        if not math.isfinite(ceiling):
            raise BadInput("--record-rho-ceiling is a number")
        settings["record_rho_ceiling"] = round(ceiling * 10**18)
    return settings


def _settings(superlink: str) -> FlowerSettings:
    from federation.gate.flower_settings import FlowerSettings

    try:
        return FlowerSettings(superlink)
    except ValueError as error:
        raise BadInput(f"--superlink: {error}") from None


def _refuse_bad_committee(reviewers: list[str], threshold: int) -> None:
    for one in reviewers:
        require_address("--reviewer", one)
    if len(set(reviewers)) != len(reviewers):
        raise BadInput("--reviewer: one reviewer is named twice")
    if threshold > len(reviewers):
        raise BadInput(f"--threshold: {threshold} of {len(reviewers)} reviewers cannot approve")


def _refuse_bad_multiaddress(text: str) -> None:
    import ipfshttpclient.exceptions

    from ipfs.objects import ObjectStore

    try:
        ObjectStore(text).close()
    except ipfshttpclient.exceptions.AddressError:
        raise BadInput(
            f"--ipfs: {text!r} is not a multiaddress such as /ip4/127.0.0.1/tcp/5001/http"
        ) from None
