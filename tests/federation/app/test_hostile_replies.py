"""What a member's node may answer that is no answer: the round goes on without it, or ends by name,
and nobody else pays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from audit.unixfs import BLOCK_BYTES, MAX_OBJECT_BYTES, root_of
from chain.messages import RoundState
from federation.app.coordinator import MaskedDelivery
from federation.app.reply import WithheldCode
from federation.app.round_driver import RoundAborted
from tests.federation.processes import phases
from tests.small_federation import DESIGN, SmallFederation, small_federation

LIAR, ACCUSED = "site-1", "site-3"


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallFederation]:
    """Three sites of which two make a round."""
    design = replace(DESIGN, min_sites=2, tolerated_colluders=0, rounds=20)
    folder = tmp_path_factory.mktemp("federation")
    with small_federation(folder, patients=2, granting=2, design=design) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_under_way(federation: SmallFederation) -> Iterator[None]:
    """A test that fails leaves no round to the next one."""
    yield
    ledger = federation.coordinator().chain.ledger
    last = ledger.round_count(federation.study_id)
    if federation.state(last) in (RoundState.OPEN, RoundState.SEALED):
        ledger.abort(federation.study_id, last)


def sealed_round(federation: SmallFederation) -> tuple[int, dict[str, MaskedDelivery]]:
    """A sealed round, and what each site delivers to it."""
    number = federation.open_round()
    with federation.sites_at(number) as parts:
        federation.until_committed(number)
        federation.coordinator().chain.ledger.seal(federation.study_id, number)
        return number, {site: MaskedDelivery(*part.result()) for site, part in parts.items()}


@pytest.mark.parametrize(
    "masked",
    [root_of(bytes(2 * BLOCK_BYTES)), bytes(MAX_OBJECT_BYTES + 1)],
    ids=["the root of a large object", "more than an object holds"],
)
def test_bytes_that_no_object_can_be_stop_nothing(
    federation: SmallFederation, masked: bytes
) -> None:
    number, good = sealed_round(federation)
    bad = MaskedDelivery(masked, good[LIAR].signature)
    batches = iter([[bad], list(good.values())])
    federation.driver(number, lambda: (next(batches, []), [], False)).run()
    assert phases(federation, number).count("delivery-refused") == 1
    assert federation.state(number) == RoundState.CLOSED


def test_who_withholds_in_another_site_s_name_does_not_end_the_round_for_it(
    federation: SmallFederation,
) -> None:
    """Nobody signs that they withhold: only who has sent nothing by the deadline is barred."""
    number, good = sealed_round(federation)
    accused = federation.keys[ACCUSED].public.account
    rest = [delivery for site, delivery in good.items() if site not in (LIAR, ACCUSED)]
    looks = iter(
        [
            ([], [], False),
            (rest, [(accused, WithheldCode.FAILED)], False),  # the liar's answer comes first
            ([good[ACCUSED]], [], True),
        ]
    )
    deadline = federation.chain.ledger.round(federation.study_id, number).delivery_deadline

    def replies() -> tuple[list[MaskedDelivery], list[tuple[str, WithheldCode]], bool]:
        if (look := next(looks, None)) is not None:
            return look
        if (left := deadline - federation.chain.head().timestamp) > 0:
            federation.advance(left)
        return [], [], True

    with pytest.raises(RoundAborted, match="DeliveryDeadlinePassed"):
        federation.driver(number, replies).run()
    assert phases(federation, number).count("delivered") == 2
    assert federation.chain.ledger.bars(federation.study_id, federation.terms.sites) == {
        federation.keys[LIAR].public.account: number
    }
    federation.readmit(LIAR)


def test_what_came_while_another_reply_was_being_read_is_taken_after_the_deadline(
    federation: SmallFederation,
) -> None:
    """A member that announces a reply and never sends it keeps the coordinator from looking."""
    number, good = sealed_round(federation)
    sealed = federation.chain.ledger.round(federation.study_id, number)
    looks = iter([False, True])

    def replies() -> tuple[list[MaskedDelivery], list[tuple[str, WithheldCode]], bool]:
        reads_for_long = next(looks, None)
        if reads_for_long:
            federation.advance(sealed.delivery_deadline - federation.chain.head().timestamp)
        return [] if reads_for_long is not None else list(good.values()), [], False

    federation.driver(number, replies).run()
    assert federation.state(number) == RoundState.CLOSED
