"""Erasure at a site: the salt of a patient's record is destroyed, with what was kept of the record
for replays, and the site signs that it is.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from chain.chain import Chain
from chain.messages import Erased, ErasureRequest
from chain.signed_act import SignedActInvalid
from federation.gate.enrolment_codes import FILE, EnrolmentCodes
from federation.gate.journal import Journal
from federation.gate.keys import SiteKeys
from federation.gate.replay_window import end_replay_windows
from federation.gate.site import SiteConfig, connect
from federation.gate.snapshots import Snapshots
from study.service_client import ServiceClient
from study.statements import Statement, StatementRefused


class ErasureRefused(Exception):
    """Nothing was erased. The message says why, and who has to do what first."""


def waiting_erasures(folder: Path, service: ServiceClient) -> list[dict[str, Any]]:
    """Requests for erasure that wait for this site, as the service has them.

    Raises:
        ServiceRefused, ServiceUnreachable, PrivateFileUnsafe, KeyFolderInvalid
    """
    with closing(SiteKeys.open(folder / "keys")) as keys:
        service.sign_in(keys.account)
    return list(service.pages("/v1/erasures"))


def erase_record(
    folder: Path, request: dict[str, Any], service: ServiceClient, in_person: bool = False
) -> list[str]:
    """Destroys what links a holder to records here, for good, and confirms it to the service.

    Rounds that used a record can then not be replayed, and say so. May be repeated after a crash:
    what is destroyed already is confirmed alone.

    Args:
        request: one of `waiting_erasures`.
        in_person: the site has made sure itself that the patient wants this, so that the request
            need not be signed.

    Returns:
        Ids of the records whose salts were destroyed now.

    Raises:
        ErasureRefused: the holder has not signed it, it is of another study, or a live consent
            still needs the record.
        ServiceRefused, ServiceUnreachable, chain.errors.ChainError, PrivateFileUnsafe,
        DatabaseUnusable, KeyFolderInvalid
    """
    config = SiteConfig.load(folder)
    holder = str(request["holder"])
    if request["study_id"] != config.study_id:
        raise ErasureRefused(f"the request is about study {request['study_id']}, not this folder's")
    with (
        closing(SiteKeys.open(folder / "keys")) as keys,
        closing(EnrolmentCodes(folder / FILE)) as codes,
    ):
        chain = connect(folder, config)
        if not in_person:
            _require_signed(request["request"], chain, holder)
        records = keys.register.records_of_holder(config.study_id, bytes.fromhex(holder[2:]))
        for record_id in records:
            _require_no_live_consent(chain, keys, config.study_id, record_id)
        # Before the salt, without which the records of a holder are not found again.
        with closing(Journal.open(folder / "state.db")) as journal:
            for record_id in records:
                Snapshots(journal).forget_record(record_id)
        end_replay_windows(folder, chain)
        for record_id in records:
            codes.forget_record(record_id)
            keys.destroy_salt(record_id)
        said = Erased(config.study_id, keys.public.account, holder, int(time.time()))
        signed = Statement.sign(said, chain.consent.domain, keys.account)
        service.sign_in(keys.account)
        service.post(f"/v1/erasures/{request['id']}/confirmation", {"statement": signed.to_json()})
        return records


def _require_signed(raw: Any, chain: Chain, holder: str) -> None:
    if raw is None:
        raise ErasureRefused(
            "the request is not signed: make sure in person that the patient wants this, and say"
            " so with --checked-in-person"
        )
    try:
        said = Statement.parse(raw, ErasureRequest)
        if said.message.holder != holder:
            raise StatementRefused(f"it is of {said.message.holder}")
        said.require_of(chain, holder)
    except (StatementRefused, SignedActInvalid) as error:
        raise ErasureRefused(
            f"the request is not signed by {holder}: {error}. Somebody else may have made it up"
        ) from None


def _require_no_live_consent(chain: Chain, keys: SiteKeys, study_id: int, record_id: str) -> None:
    tag = keys.record_tag(chain.deployment.chain_id, study_id, record_id)
    live = chain.consent.live_token_of(study_id, keys.public.account, tag)
    if live and chain.consent.consent(live).use_end > chain.head().timestamp:
        raise ErasureRefused(
            f"consent {live} to the use of this record is not revoked: the patient has to revoke it"
            " first, or rounds would count a record that is not there"
        )
