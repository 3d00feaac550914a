"""Sites woven together against the definition, sorted by fractions; and digests of selections."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.selection import SiteSelection, site_digest, view_digest
from hyperdatasets.core.view_order import ViewOrder

lengths = st.dictionaries(st.sampled_from(["", "a", "b", "Z", "é"]), st.integers(0, 30), max_size=5)


def by_definition(lengths, epochs=1):
    places = [
        (Fraction(2 * j + 1, 2 * n), site.encode(), site, j) for site, n in lengths.items() for j in range(n * epochs)
    ]
    return [(site, j) for _, _, site, j in sorted(places)]


@given(lengths, st.integers(0, 100), st.integers(0, 100))
def test_it_is_the_definition(lengths, start, count):
    order = ViewOrder(lengths)
    assert order.at(start, start + count) == by_definition(lengths)[start : start + count]


@given(lengths, st.integers(0, 60), st.integers(0, 60))
def test_repeating_goes_on(lengths, start, count):
    order = ViewOrder(lengths, repeat=True)
    stop = min(start + count, 3 * order.epoch_length)
    assert order.at(start, stop) == by_definition(lengths, epochs=3)[start:stop]


def test_far_away_costs_what_the_beginning_costs():
    order = ViewOrder({"a": 10**12, "b": 3 * 10**12, "c": 7})
    start = 2 * 10**12
    read = order.at(start, start + 100)
    assert [order.position(site, position) for site, position in read] == list(range(start, start + 100))


def test_digests_of_selections_are_frozen():
    digest = site_digest(b"{}", "ward", [(2, [b"a" * 32, b"b" * 32]), (0, [])])
    assert digest == "sha256:87b0149cf2e7457e24824e071f05560f1d9d046211217ab3af6e4d7901ef163e"
    assert digest == site_digest(b"{}", "ward", [(2, [b"a" * 32 + b"b" * 32]), (0, [])])
    sites = [SiteSelection("b", 1, "x"), SiteSelection("a", 2, digest), SiteSelection("c", 0, "y")]
    assert view_digest(sites) == ("sha256:8262c0bdb232d2256ca3ed3d60981423eb10d6a5c9216728e5af77cd8ef5375e")


def test_rules_do_not_run_into_each_other():
    digests = [b"a" * 32, b"b" * 32]
    one = site_digest(b"{}", "a", [(2, digests), (0, [])])
    assert one != site_digest(b"{}", "a", [(1, digests[:1]), (1, digests[1:])])
    with pytest.raises(ValueError, match="64 bytes"):
        site_digest(b"{}", "a", [(2, digests[:1])])
