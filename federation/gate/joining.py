"""Joining a study: all that a site is told about it is checked against its own chain node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chain.chain import Chain
from chain.deployment import Deployment
from chain.messages import Terms
from federation.gate.flower_settings import CA_FILE, FlowerSettings, read_authority
from federation.gate.gate import check_study
from federation.gate.keys import SiteKeys
from federation.gate.site import SiteConfig
from federation.gate.site_folder import keep_deployment, refuse_other_deployment


class JoinRefused(Exception):
    """The study is not one that this site can take part in. The message says why."""


@dataclass(frozen=True)
class Joined:
    """What a site has joined: the study's version in force and its terms."""

    version: int
    terms: Terms


def join_study(
    folder: Path,
    keys: SiteKeys,
    config: SiteConfig,
    deployment: Deployment,
    flower: FlowerSettings,
    ca_file: Path,
    *,
    timeout: float = 10.0,
) -> Joined:
    """Checks study, committee, terms and this site's registration; writes the settings last.

    Args:
        config: what the ethics board and the coordinator told this site.
        deployment: what the coordinator gave; kept in the folder.
        ca_file: PEM of the SuperLink's authority; copied into the folder.

    Raises:
        chain.errors.ChainError: the node is away, or serves another chain or other contracts.
        GateRefused: study or committee are not what the site was told.
        JoinRefused: the study does not exist or does not name this site, or the registry has other
            keys of it, or the folder takes part in another study.
        SiteFolderInvalid: the folder belongs to another deployment, or `ca_file` is unusable.
    """
    refuse_other_deployment(folder, deployment)
    _refuse_other_study(folder, config)
    authority = read_authority(ca_file)
    chain = Chain.connect(
        config.rpc_url, deployment, high_water=folder / "high-water.db", timeout=timeout
    )
    count = chain.registry.study_count()
    if not 1 <= config.study_id <= count:
        raise JoinRefused(
            f"there is no study {config.study_id}: this registry has"
            f" {f'studies 1 to {count}' if count else 'none yet'}. Check the number"
        )
    study = check_study(chain, config)
    terms = chain.registry.terms(config.study_id, study.current_version)
    refuse_unless_named(chain, keys, config.study_id, terms)
    keep_deployment(folder, deployment)
    (folder / CA_FILE).write_bytes(authority)
    flower.save(folder)
    config.save(folder)
    return Joined(study.current_version, terms)


def refuse_unless_named(chain: Chain, keys: SiteKeys, study_id: int, terms: Terms) -> None:
    """Raises JoinRefused unless the registry has this site's keys and the terms name it."""
    public = keys.public
    known = chain.registry.site(public.account)
    if known.registered_at == 0:
        raise JoinRefused(
            f"site {public.account} is not registered on this chain; run"
            " `assent site keys FOLDER --register` first"
        )
    if known.noise_secret_hash != keys.noise_secret_hash:
        raise JoinRefused(
            f"the registry has another noise secret of site {public.account}; this folder is not"
            " the one that was registered. Restore the right one from its backup"
        )
    if known.enrolment_key != public.enrolment_key:
        raise JoinRefused(
            f"the registry has enrolment key {known.enrolment_key} for this site, the folder"
            f" {public.enrolment_key}; run `assent site keys FOLDER --rotate-enrolment-key`"
        )
    if public.account not in terms.sites:
        raise JoinRefused(
            f"the terms of study {study_id} do not name site {public.account}; give this address to"
            " the sponsor, who has to propose terms with it"
        )


def _refuse_other_study(folder: Path, config: SiteConfig) -> None:
    if (folder / "site.json").exists():
        joined = SiteConfig.load(folder).study_id
        if joined != config.study_id:
            raise JoinRefused(
                f"{folder} takes part in study {joined}; make another folder for study"
                f" {config.study_id}"
            )
