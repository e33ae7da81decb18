"""Eradication validated by a sample: every sample of a small campaign, the published shares, and refusals."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from aoi.survey.validation import Lots, draw_lots, found_share, found_total, lot_strata
from geo.errors import InputError, QualityGateError

REPORTED = np.array([1.0, 2.0, 1.5, 3.0, 0.5, 4.0, 2.5, 1.0])
STRATA = np.array(["a", "a", "a", "a", "b", "b", "b", "b"])
FOUND = np.array([0.9, 2.0, 1.2, 2.9, 0.5, 3.0, 2.5, 0.6])


def lots(drawn: np.ndarray) -> Lots:
    """Return the small campaign with some lots drawn."""
    return Lots(reported_ha=REPORTED, stratum=STRATA, drawn=drawn)


def test_all_samples_average_to_the_truth() -> None:
    """Enumeration: over all samples of three of four lots in both strata the expansion errs by under 1 %."""
    truth, values, covered = FOUND.sum(), [], 0
    for west, east in product(combinations(range(4), 3), combinations(range(4, 8), 3)):
        drawn = np.isin(np.arange(8), [*west, *east])
        figure = found_total(lots(drawn), np.where(drawn, FOUND, np.nan))
        values.append(figure.value)
        covered += figure.lo <= truth <= figure.hi
    assert np.mean(values) == pytest.approx(truth, rel=0.01)
    assert covered >= 14  # of 16


def test_a_census_of_lots_is_exact() -> None:
    """Law: where every lot was looked at, the expansion is the sum and has no error."""
    figure = found_total(lots(np.ones(8, dtype=bool)), FOUND)
    assert (figure.value, figure.se) == (pytest.approx(FOUND.sum()), pytest.approx(0, abs=1e-12))


def test_a_domain_looked_at_whole_is_exact() -> None:
    """Law: where every lot of a domain was drawn, what was found there is known, whatever other lots say."""
    drawn = np.array([1, 1, 0, 1, 1, 1, 1, 0], dtype=bool)
    inside = np.array([1, 1, 0, 0, 0, 1, 0, 0], dtype=bool)
    figure = found_total(lots(drawn), np.where(drawn, FOUND, np.nan), domain=inside)
    assert figure.value == pytest.approx(FOUND[inside].sum())
    assert figure.lo == figure.value == figure.hi


def test_domains_add_up_where_the_share_is_even() -> None:
    """Law: with one share everywhere, the parts by municipality make the whole."""
    drawn = np.array([1, 1, 0, 1, 1, 1, 1, 0], dtype=bool)
    inside = np.array([1, 1, 1, 0, 0, 0, 1, 1], dtype=bool)
    found = 0.75 * REPORTED
    parts = [found_total(lots(drawn), found, domain=domain).value for domain in (inside, ~inside)]
    assert sum(parts) == pytest.approx(0.75 * REPORTED.sum())


def test_published_share_of_persistence() -> None:
    """Published: of 1,615 ha verified a year before, 9.6 ha had crop again: 0.594 %, told as 0.6 %."""
    campaign = Lots(reported_ha=np.full(1615, 1.0), stratum=np.full(1615, "all"), drawn=np.ones(1615, dtype=bool))
    again = np.zeros(1615)
    again[:12] = 0.8
    assert found_share(campaign, again).value == pytest.approx(0.00594, abs=5e-6)


def test_undrawn_lots_are_no_zeros() -> None:
    """Law: results of lots that were not drawn change nothing; a drawn lot without a result stops."""
    drawn = np.array([1, 1, 0, 1, 1, 1, 1, 0], dtype=bool)
    known = found_total(lots(drawn), np.where(drawn, FOUND, np.nan))
    assert found_total(lots(drawn), np.where(drawn, FOUND, 99.0)) == known
    with pytest.raises(QualityGateError, match="1 drawn lots without a result"):
        found_total(lots(drawn), np.where(np.arange(8) == 0, np.nan, FOUND))


def test_a_stratum_without_a_lot_is_refused() -> None:
    """Law: a nucleus that nobody visited is not covered by the others."""
    with pytest.raises(QualityGateError, match="validation stratum b: found no lot drawn"):
        lots(np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool))
    one = np.array([1, 1, 1, 1, 1, 0, 0, 0], dtype=bool)
    with pytest.raises(QualityGateError):
        found_total(lots(one), FOUND)


def test_lots_are_drawn_in_every_stratum() -> None:
    """Law: the same seed draws the same lots, as many as wanted in each stratum or all there are."""
    strata = lot_strata(["n1"] * 30 + ["n2"] * 3, np.linspace(0.1, 3, 33), cuts_ha=[1.0])
    drawn = draw_lots(strata, 4, np.random.default_rng(5))
    again = draw_lots(strata, 4, np.random.default_rng(5))
    assert (drawn == again).all()
    assert {name: int(drawn[strata == name].sum()) for name in set(strata.tolist())} == {
        "n1/0": 4, "n1/1": 4, "n2/1": 3,
    }  # fmt: skip
    with pytest.raises(InputError, match="lot_size_cuts_ha"):
        lot_strata(["n1"], [1.0], cuts_ha=[2.0, 1.0])


@pytest.mark.parametrize("domain", [None, np.array([1, 0, 1, 0, 1, 1, 0, 1], dtype=bool)])
def test_a_total_is_the_share_of_what_was_reported(domain: np.ndarray | None) -> None:
    """Law: value, error and limits of the total are those of the share times the hectares reported."""
    drawn = np.array([1, 1, 1, 0, 1, 1, 1, 0], dtype=bool)
    share = found_share(lots(drawn), FOUND, domain=domain, level=0.9)
    figure = found_total(lots(drawn), FOUND, domain=domain, level=0.9)
    reported = REPORTED.sum() if domain is None else REPORTED[domain].sum()
    told = (figure.value, figure.se, figure.lo, figure.hi)
    assert told == pytest.approx([reported * one for one in (share.value, share.se, share.lo, share.hi)])
    assert 0 < share.se < share.hi - share.lo
    assert (figure.level, share.level) == (0.9, 0.9)


def test_no_more_is_found_than_the_fullest_lot_allows() -> None:
    """Literal: limits of a share end at 1, or at the fullest lot where more was found than reported."""
    drawn = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
    wild = np.array([0.0, 2.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0])
    assert found_share(lots(drawn), wild).hi == 1.0
    wild[1] = 3.0  # of 2 ha reported
    assert found_share(lots(drawn), wild).hi == 1.5
    empty = Lots(reported_ha=np.array([0.0, 1.0, 2.0, 2.0]), stratum=np.full(4, "a"), drawn=np.arange(4) < 3)
    assert found_share(empty, [0.0, 1.0, 0.1, 0.0]).hi == 1.0  # a lot of no hectares has no share of its own


def test_what_is_no_campaign_is_refused() -> None:
    """Law: arrays of one length and hectares that are known; a result for each lot; a domain with a drawn lot."""
    some = {"reported_ha": np.array([1.0, 2.0]), "stratum": np.array(["a", "a"]), "drawn": np.ones(2, dtype=bool)}
    Lots(**some)
    Lots(**some | {"reported_ha": np.zeros(2)})
    for name in some:
        with pytest.raises(QualityGateError, match="lots: found arrays of"):
            Lots(**some | {name: some[name][:1]})
    with pytest.raises(QualityGateError, match="one length, not zero"):
        Lots(**{name: array[:0] for name, array in some.items()})
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(QualityGateError, match="negative or missing"):
            Lots(**some | {"reported_ha": np.array([1.0, wrong])})
    drawn = np.array([1, 1, 1, 0, 1, 1, 1, 0], dtype=bool)
    for found, domain in ((FOUND[:7], None), (FOUND, np.ones(7, dtype=bool))):
        with pytest.raises(QualityGateError, match="one for each of 8 lots"):
            found_total(lots(drawn), found, domain=domain)
    with pytest.raises(QualityGateError, match="no drawn lot in the domain"):
        found_total(lots(drawn), FOUND, domain=~drawn)
    assert lot_strata(["n1"], [1.0], cuts_ha=[1.0, 2.0]).tolist() == ["n1/1"]
    with pytest.raises(InputError, match="lot_size_cuts_ha"):
        lot_strata(["n1"], [1.0], cuts_ha=[1.0, 1.0])
