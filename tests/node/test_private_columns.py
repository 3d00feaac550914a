"""Private columns that change: what a node serves from then on, and what a registration says of them."""

from __future__ import annotations

from itertools import chain

import pytest

from hyperdatasets.core.errors import SelectionMismatch
from hyperdatasets.formats.ledger import Ledger
from node import audit
from tests.node.conftest import SiteUnderTest


def registered(site: SiteUnderTest, *rows: str, **more: object) -> Ledger:
    """Registers with a table of these rows."""
    (site.data / "meta.csv").write_text("\n".join(rows) + "\n")
    return site.register(columns_file="meta.csv", **more)


def served(site: SiteUnderTest, reference: str) -> int:
    with site.reader.open(view=reference) as session:
        return len(list(session))


@pytest.mark.parametrize(
    ("before", "after", "query"),
    [
        ("yes", "no", "consent:yes"), ("true", "false", "consent:true"), ("yes", "no", "local.consent:yes"),
        ("5", "4", "consent:>=5"), ("yes", "NA", "consent:yes"), ("yes", "no", "yes"),
        ("yes", "no", "NOT consent:no"),
    ],
)  # fmt: skip
def test_a_value_that_changed_holds_for_the_next_session(
    site: SiteUnderTest, before: str, after: str, query: str
) -> None:
    registered(site, "file,consent", f"00.png,{before}")
    view = site.published_view(local_query=query, frame_query="sources.width:32")
    assert served(site, view.reference) == 1
    registered(site, "file,consent", f"00.png,{after}")
    assert served(site, view.reference) == 0
    assert served(site, site.published_view("other", local_query=query, frame_query="sources.width:32").reference) == 0
    registered(site, "file,consent", f"00.png,{before}")
    assert served(site, view.reference) == 1


def test_positions_are_those_of_the_new_selection(site: SiteUnderTest) -> None:
    rows = [f"{number:02}.png,yes" for number in range(12)]
    registered(site, "file,consent", *rows)
    view = site.published_view(local_query="consent:yes")
    with site.reader.open(view=view.reference) as session:
        before = [sample.id for sample in session]
    registered(site, "file,consent", "00.png,no", *rows[1:])
    with site.reader.open(view=view.reference) as session:
        after = [sample.id for sample in session]
    assert len(after) == 11
    assert after == [each for each in before if each in set(after)]


def test_a_session_ends_when_its_private_columns_change(site: SiteUnderTest) -> None:
    registered(site, "file,consent,age", "00.png,yes,5", "01.png,yes,6")
    view = site.published_view(local_query="consent:yes")
    session = site.reader.open(view=view.reference)
    registered(site, "file,consent,age", "00.png,yes,7", "01.png,yes,6")
    assert len(list(session)) == 2
    streams = chain.from_iterable(session.stream() for _ in range(10_000))
    next(streams)
    registered(site, "file,consent,age", "00.png,no,7", "01.png,yes,6")
    with pytest.raises(SelectionMismatch):
        list(session.stream())
    with pytest.raises(SelectionMismatch):
        list(streams)
    with site.reader.open(view=view.reference) as session:
        assert len(list(session)) == 1
    site.node.stop()
    assert "have changed" in str([entry.get("stopped") for entry in audit.entries(site.folder)])
