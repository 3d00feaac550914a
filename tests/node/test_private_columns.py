"""Private columns that change: what a node serves from then on, and what a registration says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from rich.console import Console

from hyperdatasets.cli import output
from hyperdatasets.cli.main import run
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.registering import ledger_of
from hyperdatasets.core.errors import SelectionMismatch
from hyperdatasets.formats.intake import METADATA_STAYS, STORED_KEPT
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.v1 import node_service_pb2 as pb
from metadata_service.server import Service
from node import audit
from tests.node.conftest import SiteUnderTest, made
from tests.node.test_strict import reader

pytestmark = pytest.mark.slow


@pytest.fixture
def strict(tmp_path: Path, service: Service, client: MetadataClient) -> Iterator[SiteUnderTest]:
    under_test = made(tmp_path, service, client, profile="strict")
    with under_test.node:
        yield under_test


def registered(site: SiteUnderTest, *rows: str, **more: object) -> Ledger:
    """Registers with a table of these rows."""
    (site.data / "meta.csv").write_text("\n".join(rows) + "\n")
    return site.register(columns_file="meta.csv", **more)


def registered_strict(site: SiteUnderTest, *rows: str) -> Ledger:
    (site.data / "meta.csv").write_text("\n".join(rows) + "\n")
    request = pb.RegisterRequest(path="scans", dataset="clinic/cells", columns_file="meta.csv")
    secret = (site.folder / "operator.secret").read_text()
    return ledger_of(reader(site).register(request, operator_secret=secret))


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
    assert site.reader.status().open_sessions <= 1  # the first one at most, and none of those that were opened to go on
    with site.reader.open(view=view.reference) as session:
        assert len(list(session)) == 1
    site.node.stop()
    assert "have changed" in str([entry.get("stopped") for entry in audit.entries(site.folder)])


def private(site: SiteUnderTest, name: str) -> dict[str, object]:
    """Private columns of a file, but for its path."""
    dataset = next(iter(site.node._site.store.dataset_names()))
    found = site.node._site.store.private(dataset).values()
    (columns,) = [each for each in found if str(each["path"]).endswith(name)]
    return {key: value for key, value in columns.items() if key != "path"}


def test_a_cell_that_does_not_fit_its_type_keeps_the_old_value(site: SiteUnderTest) -> None:
    registered(site, "file,consent,age", "00.png,true,5", "01.png,false,6")
    ledger = registered(
        site, "file,consent,age", "00.png,maybe,5", "01.png,unclear,7", column_types={"consent": "boolean"}
    )
    kept = [note for note in ledger.notes if "were kept" in note.reason]
    assert sorted((note.place, note.detail) for note in kept) == [
        ("meta.csv, row 2", "`consent`"), ("meta.csv, row 3", "`consent`"),
    ]  # fmt: skip
    assert "`option column_type=consent=text`" in next(ledger.losses()).detail
    assert private(site, "00.png") == {"consent": True, "age": 5}
    assert private(site, "01.png") == {"consent": False, "age": 7}


def test_yes_and_no_are_booleans_if_the_operator_says_so(site: SiteUnderTest) -> None:
    registered(site, "file,consent", "00.png,yes", "01.png,No")
    assert private(site, "00.png") == {"consent": "yes"}
    ledger = registered(site, "file,consent", "00.png,yes", "01.png,No", column_types={"consent": "boolean"})
    assert (private(site, "00.png"), private(site, "01.png")) == ({"consent": True}, {"consent": False})
    assert list(ledger.losses()) == []


def test_private_columns_that_changed_are_counted(strict: SiteUnderTest) -> None:
    registered_strict(strict, "file,consent,age", "00.png,yes,5", "01.png,yes,6")
    again = registered_strict(strict, "file,consent,age", "00.png,yes,5", "01.png,yes,6")
    assert again.frames == {"added": 0, "updated": 0, "unchanged": 12}
    changed = registered_strict(strict, "file,consent,age", "00.png,no,", "01.png,yes,6")
    assert changed.frames == {"added": 0, "updated": 1, "unchanged": 11, "private columns changed": 1}
    entries = [entry for entry in audit.entries(strict.folder) if entry["event"] == "registered"]
    counts = [(entry["private_values_changed"], entry["of_these_removed"]) for entry in entries]
    assert counts == [(0, 0), (0, 0), (2, 1)]


def describe(site: SiteUnderTest, **meta: object) -> None:
    """Gives the file 00.png metadata of its own."""
    (site.data / "wbc" / "00.png.json").write_text(json.dumps({"meta": meta}))


def test_stored_metadata_stays_unless_it_is_to_be_replaced(site: SiteUnderTest) -> None:
    describe(site, age=5, old=1)
    site.register(format="files")
    describe(site, age=6, new=2)
    ledger = site.register(format="files")
    assert [(note.place, note.detail) for note in ledger.notes if note.reason == STORED_KEPT] == [
        ("wbc/00.png", "meta.age")
    ]
    assert private(site, "00.png") == {"age": 5, "old": 1, "new": 2}
    replaced = site.register(format="files", replace_annotations=True)
    assert private(site, "00.png") == {"age": 6, "old": 1, "new": 2}
    assert [note.detail for note in replaced.notes if note.reason == METADATA_STAYS] == ["meta.old"]
    assert replaced.frames["private columns changed"] == 1
    assert site.register(format="files").notes == []


@pytest.mark.parametrize("replace", [False, True])
def test_a_column_of_the_table_counts_more_than_metadata_of_the_file(site: SiteUnderTest, *, replace: bool) -> None:
    describe(site, age=5, other=1, split="train")
    rows = ("file,age,other", "00.png,7,1", "01.png,8,")
    for ledger in (
        registered(site, *rows, format="files"),
        site.register(format="files", replace_annotations=replace),
        registered(site, *rows, format="files"),
    ):
        losses = [
            (note.kind, note.place, note.detail) for note in ledger.losses() if note.kind != "annotation files"
        ]  # fmt: skip
        assert losses == [("attributes", "wbc/00.png", "age: 5; the table: 7")]
        assert ledger.read["attributes"] == ledger.kept["attributes"] + 1 == 2
        assert private(site, "00.png") == {"age": 7, "other": 1, "split": "train"}


def test_a_table_that_is_not_asked_for_is_named_with_the_option(site: SiteUnderTest) -> None:
    (site.data / "patients.csv").write_text("file,age\nwbc/00.png,5\n")
    for layout in ("imagefolder", "files"):
        (note,) = [note for note in site.register(format=layout).notes if note.place == "patients.csv"]
        assert "`option columns=patients.csv`" in note.detail
    assert not [note for note in site.register(columns_file="patients.csv").notes if note.place == "patients.csv"]


def test_counts_of_a_view_with_a_local_condition_are_at_most_those(
    site: SiteUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(site, "file,consent", "00.png,yes")
    view = site.published_view(local_query="consent:yes")
    found = view.resolve()
    assert (found.at_most, found.at_most_rules, found.frames) == (True, {0}, 12)
    plain = site.published_view("plain").resolve()
    assert (plain.at_most, plain.at_most_rules) == (False, set())
    monkeypatch.setenv("HYPERDATASETS_SERVICE", site.node.config.service)
    assert run(["view", "resolve", "all"]) == 0
    out = capsys.readouterr().out
    assert "at most 12 frames in all, at most 12 positions" in out
    assert "a local_query does not match" in out
    assert run(["view", "resolve", "plain"]) == 0
    assert "at most" not in capsys.readouterr().out


def test_private_columns_can_be_looked_at_at_the_site(
    strict: SiteUnderTest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "console", Console(width=200))
    rows = ("file,patient,taken,consent", "00.png,007,2024-01-02,true", "01.png,8,,")
    (strict.data / "meta.csv").write_text("\n".join(rows) + "\n")
    request = pb.RegisterRequest(
        path="scans", dataset="clinic/cells", columns_file="meta.csv", context_column="patient",
        timestamp_column="taken",
    )  # fmt: skip
    list(reader(strict).register(request, operator_secret=(strict.folder / "operator.secret").read_text()))
    for place, count in (("", 12), ("scans", 12), ("scans/wbc", 4), ("scans/wb", 0), (f"{strict.data}/rbc/01.png", 1)):
        assert run(["node", "files", str(strict.folder), *([place] if place else []), "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert len(listed) == count
    (only,) = listed
    assert {key: value for key, value in only.items() if key != "frame_id"} == {
        "file": "scans/rbc/01.png", "dataset": "clinic/cells", "context": "8", "timestamp": None,
        "private": {"folder_labels": ["rbc"], "patient": "8"},
    }  # fmt: skip
    assert run(["node", "files", str(strict.folder), "scans/wbc/00.png"]) == 0
    out = capsys.readouterr().out
    assert all(part in out for part in ("007", "2024-01-02T00:00:00Z", "consent=true"))
    assert run(["node", "files", str(strict.folder), "/etc"]) == 1
    assert "lies below no root" in capsys.readouterr().err


@pytest.mark.parametrize("iteration", [{}, {"order": "random", "repeat": True, "seed": 1}])
def test_a_reading_goes_on_only_with_the_frames_it_began_with(site: SiteUnderTest, iteration: dict) -> None:
    """As many frames are not the same frames: positions would mean others."""
    rows = [f"{number:02}.png,yes" for number in range(11)]
    registered(site, "file,consent", *rows, "11.png,no")
    view = site.published_view(local_query="consent:yes").clone(name="again")
    view.set(iteration=iteration)
    session = site.reader.open(view=view.publish().reference)
    registered(site, "file,consent", *rows, "11.png,maybe")  # neither is consent
    assert len(list(session.stream(limit=11))) == 11
    registered(site, "file,consent", *rows[1:], "00.png,no", "11.png,yes")
    with pytest.raises(SelectionMismatch):
        list(session.stream(limit=11))
