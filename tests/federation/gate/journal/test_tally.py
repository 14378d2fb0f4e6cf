"""A site's own tally of rho: whatever the ledger says, the ceiling holds."""

import pytest

from federation.gate.journal import Journal
from federation.gate.journal_schema import BudgetExceeded, ChargeContradicted
from tests.federation.gate.journal.small_rounds import CEILING, RHO


class TestTally:
    def test_a_round_is_charged_once(self, journal, path):
        assert journal.charge(1, 1, RHO, CEILING, RHO) == RHO
        assert journal.charge(1, 1, RHO, CEILING, RHO) == RHO
        again = Journal.open(path)
        assert again.charge(1, 2, RHO, CEILING, 2 * RHO) == again.spent(1) == 2 * RHO
        again.close()

    def test_the_ceiling_holds_whatever_the_ledger_says(self, journal):
        journal.charge(1, 1, RHO, 2 * RHO, RHO)
        journal.charge(1, 2, RHO, 2 * RHO, 2 * RHO)
        with pytest.raises(BudgetExceeded, match="above its ceiling"):
            journal.charge(1, 3, RHO, 3 * RHO - 1, 3 * RHO)
        assert journal.spent(1) == 2 * RHO
        journal.charge(1, 3, RHO, 3 * RHO, 3 * RHO)

    def test_rounds_that_the_site_sat_out_count_too(self, journal):
        with pytest.raises(BudgetExceeded):
            journal.charge(1, 9, RHO, CEILING, CEILING + 1)
        assert journal.spent(1) == 0

    def test_a_ledger_that_has_forgotten_is_refused(self, journal):
        journal.charge(1, 1, RHO, CEILING, 4 * RHO)
        for less in (0, RHO, 4 * RHO, 5 * RHO - 1):
            with pytest.raises(ChargeContradicted, match="Do not trust this chain"):
                journal.charge(1, 2, RHO, CEILING, less)
        journal.charge(1, 2, RHO, CEILING, 5 * RHO)

    @pytest.mark.parametrize("rho, spent", [(RHO - 1, RHO), (RHO + 1, RHO + 1), (RHO, RHO + 1)])
    def test_a_round_charged_otherwise_is_refused(self, journal, rho, spent):
        journal.charge(1, 1, RHO, CEILING, RHO)
        with pytest.raises(ChargeContradicted, match="was charged"):
            journal.charge(1, 1, rho, CEILING, spent)

    def test_rounds_are_charged_in_order(self, journal):
        journal.charge(1, 5, RHO, CEILING, RHO)
        with pytest.raises(ChargeContradicted, match="comes after"):
            journal.charge(1, 4, RHO, CEILING, 2 * RHO)

    @pytest.mark.parametrize("rho", [0, -1])
    def test_a_free_round_is_refused(self, journal, rho):
        with pytest.raises(ChargeContradicted, match="cannot cost"):
            journal.charge(1, 1, rho, CEILING, RHO)

    def test_studies_have_tallies_of_their_own(self, journal):
        journal.charge(1, 1, RHO, CEILING, RHO)
        journal.charge(2, 1, 7, CEILING, 7)
        assert (journal.spent(1), journal.spent(2), journal.spent(3)) == (RHO, 7, 0)

    def test_rho_beyond_sixty_four_bits_is_exact(self, journal):
        huge = 2**200 + 1
        assert journal.charge(1, 1, huge, 2**256 - 1, huge) == huge == journal.spent(1)
