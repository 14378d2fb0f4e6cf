"""Every lie in a bundle is told for real and found by the check that the catalogue names."""

from __future__ import annotations

import pytest

from audit.bundle import Bundle
from audit.verify import verify
from tests.audit.conftest import Written
from tests.audit.misbehaviour.catalogue import CATALOGUE
from tests.audit.misbehaviour.forgery import Forgery
from tests.audit.misbehaviour.kinds import Forged, Reach
from tests.audit.tampering import failures

pytestmark = pytest.mark.usefixtures("remembered")
LIES = [entry for entry in CATALOGUE if isinstance(entry, Forged)]
OF_EVIDENCE = {
    "anchor",
    "header",
    "evidence",
    "contract",
    "contract.account",
    "contract.address",
    "contract.code",
    "contract.immutables",
    "contract.storage",
    "events.running-hash",
    "files.hash",
    "files.listed",
    "files.present",
    "objects.cid",
}
"""What a liar evades through whom the chain speaks."""


def test_an_honest_bundle_that_is_proven_anew_holds(written: Written, bundle: Bundle) -> None:
    """So what makes a lie fail below is the lie."""
    forgery = Forgery(bundle, written.accounts)
    for number in (1, 3, 5):
        forgery.reseal(number)
        forgery.close(number)
    proven = forgery.proven()
    assert failures(verify(proven, proven.block_hash)) == []


@pytest.mark.parametrize("lie", LIES, ids=[lie.name for lie in LIES])
def test_the_named_check_finds_the_lie(lie: Forged, written: Written, bundle: Bundle) -> None:
    forgery = Forgery(bundle, written.accounts)
    made = lie.forge(forgery)
    if made is None:
        made = forgery.rewritten() if lie.reach == Reach.FILES else forgery.proven()
    trusted = made.block_hash if lie.reach == Reach.CHAIN else written.trust_block
    report = verify(made, trusted)
    found = failures(report)
    assert report.exit_code == 1
    assert any(c.name == lie.check and lie.about in c.object for c in found), found
    if lie.reach == Reach.CHAIN and lie.check not in OF_EVIDENCE:
        assert not OF_EVIDENCE & {check.name for check in found}, found
    if lie.reach == Reach.NODE:
        assert {check.name for check in found} == {lie.check}, found
