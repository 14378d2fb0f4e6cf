"""`assent site init` and `assent site keys`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.console import BadInput, JsonOption, say, show_facts, show_json
from scripts.deployment_file import read_deployment
from scripts.site.options import Folder, open_folder

if TYPE_CHECKING:
    from chain.chain import Chain
    from federation.gate.keys import SiteKeys


def init(
    folder: Folder,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="File (mode 600) whose first line encrypts the account key."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Make a site's folder, closed to other users, with fresh keys and an empty record store.

    The keys never leave the folder; `assent site keys` shows their public halves. With
    --passphrase-file, set ASSENT_KEY_PASSPHRASE_FILE to that file for every later command.
    """
    from federation.gate.site_folder import make_site_folder
    from stack.certificates import make_node_keys

    found = folder.absolute()
    keys = make_site_folder(found, passphrase_file)
    make_node_keys(found / "supernode" / "keys")
    if json_:
        show_json(_public(found, keys))
    else:
        say(f"Made {found} for site {keys.public.account}.")
        say("Next: have the account funded, then `assent site keys FOLDER --register`.")
    keys.close()


def keys(
    folder: Folder,
    register: Annotated[
        bool, typer.Option("--register", help="Enter this site in the chain's registry.")
    ] = False,
    rotate: Annotated[
        bool,
        typer.Option(
            "--rotate-enrolment-key",
            help="Replace the enrolment key; enrolments not used yet become void.",
        ),
    ] = False,
    deployment: Annotated[
        Path | None, typer.Option(help="The coordinator's deployment file; kept once given.")
    ] = None,
    rpc: Annotated[
        str | None, typer.Option(metavar="URL", help="The site's chain node; known after joining.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show what others may know of this site, and enter it in the registry when asked.

    Give account to the sponsor, who names it in the study's terms, and the SuperNode key to the
    coordinator, who admits it to the SuperLink.
    """
    from federation.gate.keys import SiteKeys
    from federation.gate.rotation import rotate_enrolment_key

    found = open_folder(folder)
    site_keys = SiteKeys.open(found / "keys")
    if register:
        _register(_chain(found, site_keys, deployment, rpc), site_keys)
    if rotate:
        rotate_enrolment_key(found / "keys", _chain(found, site_keys, deployment, rpc))
        site_keys.close()
        site_keys = SiteKeys.open(found / "keys")
    public = _public(found, site_keys)
    if register or rotate:
        public["registered"] = True
    if json_:
        show_json(public)
    else:
        show_facts("Public keys", public.items())
    site_keys.close()


def _public(folder: Path, site_keys: SiteKeys) -> dict[str, object]:
    supernode = folder / "supernode" / "keys" / "supernode.pub"
    return {
        "account": site_keys.public.account,
        "enrolment_key": site_keys.public.enrolment_key,
        "noise_secret_hash": site_keys.public.noise_secret_hash,
        "supernode_key": supernode.read_text().strip() if supernode.exists() else "",
        "supernode_key_file": str(supernode.relative_to(folder)),
    }


def _chain(folder: Path, site_keys: SiteKeys, deployment: Path | None, rpc: str | None) -> Chain:
    """The chain as the site's account, by what was given or else by what joining left."""
    from chain.chain import Chain
    from federation.gate.site import SiteConfig
    from federation.gate.site_folder import DEPLOYMENT_FILE, keep_deployment

    if rpc is None:
        if not (folder / "site.json").exists():
            raise BadInput("name the site's chain node with --rpc URL; it is not known yet")
        rpc = SiteConfig.load(folder).rpc_url
    kept = folder / DEPLOYMENT_FILE
    if deployment is None and not kept.exists():
        raise BadInput("name the coordinator's file with --deployment FILE; it is not known yet")
    known = read_deployment(deployment or kept)
    # Asked before it is kept: a wrong file must not stay in the folder.
    high_water = folder / "high-water.db" if kept.exists() else None
    try:
        Chain.connect(rpc, known, high_water=high_water)
    except ValueError as error:
        raise BadInput(f"--rpc: {error}") from None
    keep_deployment(folder, known)
    return Chain.connect(
        rpc,
        known,
        account=site_keys.account,
        journal=folder / "transactions.db",
        high_water=folder / "high-water.db",
    )


def _register(chain: Chain, site_keys: SiteKeys) -> None:
    known = chain.registry.site(site_keys.public.account)
    wanted = (site_keys.public.enrolment_key, site_keys.noise_secret_hash)
    # Asking twice is no mistake, as long as the registry says what the folder says.
    if (known.enrolment_key, known.noise_secret_hash) != wanted:
        chain.registry.register_site(*wanted)
