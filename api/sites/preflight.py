"""Whether a round could begin: what chain and IPFS tell, for a site or for the coordinator."""

from __future__ import annotations

from api.blocks import BlockShown
from api.index.state import study_state
from api.problems import NotFound
from api.review.chain_time import chain_time
from api.review.reading import looking, newest_indexed
from api.service import Service
from api.sites.models import Preflight, PreflightCheck
from api.sites.needs import Needs
from audit.cid import cid_of_sha256
from chain.chain import Block, Chain
from chain.messages import Terms
from ipfs.objects import ObjectStoreError, ObjectStoreUnreachable
from study.documents import DOCUMENTS

#: A commitment costs about 250,000 gas; a round may need several (as `assent site preflight`).
NEEDED_GAS = 2_000_000
_NOT_LOOKED_AT = (
    "What only the machine itself knows: keys, records, software, memory, clock, its own chain and"
    " IPFS node, and the way to the SuperLink. `assent site preflight FOLDER` asks all of that, and"
    " asks the chain again by the site's own node, which this service cannot stand for."
)


def asked_for(service: Service, study_id: int, caller: str) -> tuple[Needs, bool, BlockShown]:
    """The study's needs, whether the caller coordinates it (else it is a site), and as of when.

    Raises:
        NotFound: there is no such study, or the caller is neither.
    """
    with looking(service) as database:
        as_of = newest_indexed(database)
        state = study_state(database, study_id)
    versions, standing = state.history.versions, state.standing
    newest = versions[max(versions)].terms
    ruling = standing.current_version if standing else 0
    terms = versions[ruling].terms if ruling else newest
    is_site = caller in terms.sites or caller in newest.sites
    coordinates = caller == terms.coordinator or (caller == newest.coordinator and not is_site)
    if not is_site and not coordinates:
        raise NotFound
    head = Block(as_of.number, bytes.fromhex(as_of.hash[2:]), as_of.timestamp)
    return Needs(state, terms, chain_time(head, service.clock)), coordinates, as_of


def preflight(
    service: Service, chain: Chain, needs: Needs, caller: str, coordinates: bool, as_of: BlockShown
) -> Preflight:
    """The checks, in the order in which they are mended.

    Raises:
        chain.errors.ChainError
    """
    standing = needs.state.standing
    sites = needs.sites() if coordinates else []
    if standing is None or standing.current_version == 0:
        checks = [
            PreflightCheck(
                name="study",
                ok=False,
                found="no version is approved yet",
                remedy="ask its reviewers (`assent irb approve`)",
            )
        ]
        sites = []
    elif coordinates:
        checks = [*needs.of_study(), needs.no_round_open(), needs.enough_sites(sites)]
    else:
        checks = [*needs.site(caller), *needs.of_study()]
    checks += [_documents(service, needs.terms), _balance(chain, caller)]
    return Preflight(
        study_id=needs.study_id,
        role="coordinator" if coordinates else "site",
        as_of=as_of,
        ready=all(one.ok is not False for one in checks),
        checks=checks,
        sites=sites,
        not_looked_at=_NOT_LOOKED_AT,
    )


def _documents(service: Service, terms: Terms) -> PreflightCheck:
    store = service.documents()
    if store is None:
        return PreflightCheck(
            name="documents", ok=None, found="this service has no IPFS node to ask"
        )
    missing = []
    with store:
        for name, member in DOCUMENTS.items():
            try:
                store.get(cid_of_sha256(getattr(terms, member)))
            except ObjectStoreUnreachable:
                return PreflightCheck(
                    name="documents", ok=None, found="this service's IPFS node does not answer"
                )
            except ObjectStoreError:
                missing.append(name)
    if missing:
        return PreflightCheck(
            name="documents",
            ok=False,
            found=f"this service's IPFS node lacks {', '.join(missing)}",
            remedy="ask the sponsor to put them there again",
        )
    return PreflightCheck(
        name="documents", ok=True, found="all are on this service's IPFS node, and hash as named"
    )


def _balance(chain: Chain, account: str) -> PreflightCheck:
    balance = chain.w3.eth.get_balance(chain.w3.to_checksum_address(account))
    needed = NEEDED_GAS * chain.w3.eth.gas_price
    if balance < needed:
        return PreflightCheck(
            name="balance",
            ok=False,
            found=f"{balance / 1e18:.6f} ether; a round may cost {needed / 1e18:.6f}",
            remedy="have the network's operator fund the account",
        )
    return PreflightCheck(name="balance", ok=True, found=f"{balance / 1e18:.4f} ether")
