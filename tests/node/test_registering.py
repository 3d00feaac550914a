"""Registration: the ledger stays at the site, tables and contexts, reading again, files that changed or are gone."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.registering import ledger_of
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument, NotFound, VersionPublished
from hyperdatasets.formats.intake import DISAPPEARED, PRUNED, STORED_KEPT
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.v1 import node_service_pb2 as pb
from tests.node.conftest import SiteUnderTest

XML = (
    "<annotation><object><name>{0}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    "</object></annotation>"
)


def frames(site: SiteUnderTest) -> dict[str, dict]:
    draft = DatasetVersion.get_current("clinic/cells", client=site.client)
    plain = [frame.to_plain() for frame in draft.frames()]
    return {each["sources"][0]["uri"].partition("/scans/")[2]: each for each in plain}


def table(site: SiteUnderTest, *rows: str, name: str = "meta.csv") -> str:
    (site.data / name).write_text("\n".join(rows) + "\n")
    return name


def reasons(ledger: Ledger) -> str:
    return "\n".join(map(str, ledger.notes))


def test_the_ledger_never_reaches_the_centre(site: SiteUnderTest, tmp_path: Path) -> None:
    (site.data / "rbc" / "SecretName.xml").write_text("<annotation>")
    (site.data / "rbc" / "SecretName.png").write_bytes(b"no picture")
    ledger = site.register(format="voc")
    assert "could not be read" in ledger.failed
    assert "SecretName" in reasons(ledger)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "service").rglob("*") if path.is_file())
    assert b"SecretName" not in stored


def test_identifiers_are_contexts_as_they_are_written(site: SiteUnderTest) -> None:
    ids = ["007", "07", "7", "1E2", "100", "12345678901234567890"]
    rows = [f"{n:02}.png,{each}" for n, each in enumerate(ids)]
    ledger = site.register(columns_file=table(site, "file,patient", *rows), context_column="patient")
    found = frames(site)
    assert [next(f for path, f in found.items() if path.endswith(f"{n:02}.png"))["context_id"] for n in range(6)] == ids
    assert "6 of 6 rows used" in " ".join(ledger.about)
    assert "6 of 12 files have no row" in " ".join(ledger.about)
    again = site.register(columns_file="meta.csv", context_column="patient")
    assert again.frames["unchanged"] == 12


def test_contexts_of_known_frames_change_only_when_asked(site: SiteUnderTest) -> None:
    site.register(columns_file=table(site, "file,patient", "00.png,7", "01.png,8"), context_column="patient")
    other = table(site, "file,patient", "00.png,007", "01.png,8", name="new.csv")
    with pytest.raises(FailedPrecondition, match=r"context_id of 1 known frames \(wbc/00.png: `7` becomes `007`\)"):
        site.register(columns_file=other, context_column="patient")
    assert frames(site)["wbc/00.png"]["context_id"] == "7"
    site.register(columns_file=other, context_column="patient", rename_contexts=True)
    assert frames(site)["wbc/00.png"]["context_id"] == "007"


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["", "NA", "x" * 600])
@pytest.mark.parametrize("rename", [False, True])
def test_a_cell_without_a_context_keeps_the_old_one(site: SiteUnderTest, cell: str, *, rename: bool) -> None:
    site.register(columns_file=table(site, "file,patient", "00.png,7", "01.png,8"), context_column="patient")
    other = table(site, "file,patient,age", f"00.png,{cell},5", name="new.csv")
    ledger = site.register(columns_file=other, context_column="patient", rename_contexts=rename)
    (note,) = [note for note in ledger.notes if "no context id" in note.reason]
    assert (note.place, note.detail, note.count, note.weight) == ("new.csv, row 2", "`7`", 1, "noticed")
    assert frames(site)["wbc/00.png"]["context_id"] == "7"
    assert frames(site)["wbc/00.png"]["meta"]["site"] == {"age": 5, "patient": "7"}
    assert frames(site)["rbc/01.png"]["context_id"] == "8"


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["", "NA", "soon"])
def test_a_cell_without_a_timestamp_keeps_the_old_one(site: SiteUnderTest, cell: str) -> None:
    site.register(columns_file=table(site, "file,taken", "00.png,2024-01-02"), timestamp_column="taken")
    before = frames(site)["wbc/00.png"]
    other = table(site, "file,taken,age", f"00.png,{cell},5", name="new.csv")
    ledger = site.register(columns_file=other, timestamp_column="taken")
    (note,) = [note for note in ledger.notes if "no timestamp" in note.reason]
    assert (note.place, note.detail, note.weight) == ("new.csv, row 2", "1704153600000", "noticed")
    now = frames(site)["wbc/00.png"]
    assert (now["timestamp"], now["id"]) == (before["timestamp"], before["id"])
    assert now["meta"]["site"] == {"age": 5, **before["meta"]["site"]}


def test_values_that_an_empty_cell_removes_are_named(site: SiteUnderTest) -> None:
    site.register(columns_file=table(site, "file,age,consent,size", "00.png,5,true,8"))
    ledger = site.register(columns_file=table(site, "file,age,consent,site", "00.png,NA,,x", name="new.csv"))
    (note,) = [note for note in ledger.notes if "removed" in note.reason]
    assert (note.place, note.detail, note.count) == ("new.csv, row 2", "`age`, `consent`", 2)
    assert frames(site)["wbc/00.png"]["meta"]["site"] == {"size": 8, "site": "x"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["metadata.csv", "./metadata.csv", "rbc/../metadata.csv", "metadata.jsonl.csv"])
def test_a_table_is_not_read_as_annotations(site: SiteUnderTest, name: str) -> None:
    rows = ("file_name,text,note", "rbc/01.png,NA,7", "rbc/02.png,NA,8")
    table(site, *rows, name=name.rpartition("/")[2])
    ledger = site.register(columns_file=name)
    assert {note.place for note in ledger.losses()} == set()
    assert ledger.complete
    assert not any("captions" in each["meta"] for each in frames(site).values() if "meta" in each)
    assert len(frames(site)) == 12


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["auto", "files", "parquet"])
def test_a_table_in_parquet_is_not_read_as_annotations(site: SiteUnderTest, layout: str) -> None:
    columns = {"file_name": ["rbc/01.png", "rbc/02.png"], "secret": ["x", "y"]}
    pq.write_table(pa.table(columns), site.data / "meta.parquet")
    for each in sorted(site.data.rglob("*.png")) if layout == "parquet" else ():
        pq.write_table(pa.table({"file_name": [each.name]}), each.with_suffix(".parquet"))
    ledger = site.register(columns_file="meta.parquet", format=layout)
    assert ledger.complete
    assert {note.reason for note in ledger.notes} == {"files without a row"}
    assert not any("secret" in each.get("meta", {}) for each in frames(site).values())


def test_spellings_of_a_number_stop_a_registration(site: SiteUnderTest) -> None:
    site.register(columns_file=table(site, "file,patient", "00.png,5"), context_column="patient")
    other = table(site, "file,patient", "01.png,5.0", name="pandas.csv")
    with pytest.raises(FailedPrecondition, match=r"`5` and `5\.0`.*`context_as=\"integer\"`"):
        site.register(columns_file=other, context_column="patient")
    assert "context_id" not in frames(site)["rbc/01.png"]
    site.register(columns_file=other, context_column="patient", context_as="integer")
    assert frames(site)["rbc/01.png"]["context_id"] == "5"
    site.register(columns_file=table(site, "file,patient", "02.png,5.00", name="x.csv"), context_column="patient",
                  context_as="text")  # fmt: skip
    assert frames(site)["rbc/02.png"]["context_id"] == "5.00"


def test_two_spellings_in_one_table_do_not_stop_the_next_run(site: SiteUnderTest) -> None:
    """A run that was stopped after some frames, or has a limit, goes on with the same table."""
    columns = table(site, "file,patient", "rbc/01.png,5", "rbc/02.png,5.0")
    site.register(columns_file=columns, context_column="patient", limit=1)
    site.register(columns_file=columns, context_column="patient")
    assert [frames(site)[f"rbc/0{n}.png"]["context_id"] for n in (1, 2)] == ["5", "5.0"]


def test_without_a_table_what_an_earlier_one_said_stays(site: SiteUnderTest) -> None:
    name = table(site, "file,patient,age,taken", "00.png,p1,30,2024-01-02", "01.png,p2,40,2024-01-03")
    site.register(columns_file=name, context_column="patient", timestamp_column="taken")
    before = frames(site)
    assert before["wbc/00.png"]["timestamp"] == 1_704_153_600_000
    assert before["wbc/00.png"]["meta"]["site"]["age"] == 30
    assert site.register().frames["unchanged"] == 12
    assert frames(site) == before
    site.register(columns_file=table(site, "file,patient,age", "00.png,p1,", name="less.csv"), context_column="patient")
    assert "age" not in frames(site)["wbc/00.png"]["meta"]["site"]
    assert frames(site)["rbc/01.png"] == before["rbc/01.png"]


def documents(site: SiteUnderTest, *names: str) -> None:
    (site.data / "text").mkdir(exist_ok=True)
    text = "".join(f"-DOCSTART- O\n\n{name} B-PER\nruns O\n\n" for name in names)
    (site.data / "text" / "a.conll").write_text(text)


def contexts(site: SiteUnderTest) -> dict[str, tuple]:
    found = frames(site)
    return {path: (each.get("context_id"), each["meta"]["site"].get("age")) for path, each in found.items()}


def test_documents_of_one_file_keep_what_a_table_said(site: SiteUnderTest) -> None:
    documents(site, "Ada", "Bob")
    columns = table(site, "file,patient,age,taken", "text/a.conll,p1,60,2024-01-02")
    site.register(format="conll", columns_file=columns, context_column="patient", timestamp_column="taken")
    before = frames(site)
    assert set(contexts(site).values()) == {("p1", 60)}
    assert site.register(format="conll").frames["unchanged"] == 2
    assert frames(site) == before
    documents(site, "Ada", "Bob", "Cleo")
    assert site.register(format="conll").frames["added"] == 1
    assert set(contexts(site).values()) == {("p1", 60)}


def test_a_change_of_context_counts_each_document_of_a_file(site: SiteUnderTest) -> None:
    documents(site, "Ada", "Bob")
    rows = ("file,patient", "text/a.conll,p1")
    site.register(format="conll", columns_file=table(site, *rows), context_column="patient")
    other = table(site, "file,patient", "text/a.conll,p2", name="other.csv")
    with pytest.raises(FailedPrecondition, match="context_id of 2 known frames"):
        site.register(format="conll", columns_file=other, context_column="patient")


@pytest.mark.parametrize(
    ("names", "left"), [(("Ada", "Christopher"), 1), (("Christopher",), 2), (("Christopher", "Eve", "Ada"), 2)]
)
def test_documents_that_left_their_file_are_named_and_pruned_when_asked(
    site: SiteUnderTest, names: tuple[str, ...], left: int
) -> None:
    documents(site, "Ada", "Bob")
    site.register(format="conll")
    before = set(frames(site))
    documents(site, *names)
    ledger = site.register(format="conll")
    named = {note.place for note in ledger.notes if "not found in their file" in note.reason}
    assert len(named) == left
    assert named <= before
    ledger = site.register(format="conll", prune=True)
    assert ledger.frames["pruned"] == left
    assert len(frames(site)) == len(names)
    assert named.isdisjoint(frames(site))
    assert "not found in their file" not in reasons(site.register(format="conll"))


def test_a_file_of_documents_that_cannot_be_read_keeps_its_frames(site: SiteUnderTest) -> None:
    documents(site, "Ada", "Bob")
    (site.data / "text" / "b.conll").write_text("Eve B-PER\nruns O\n")
    site.register(format="conll")
    (site.data / "text" / "a.conll").write_bytes(b"Ada B-PER\nruns O\n\n" * 2_000 + b"\xff\xff\xff")
    ledger = site.register(format="conll", prune=True)
    assert "could not be read" in ledger.failed
    assert {path.partition("#")[0] for path in frames(site)} >= {"text/a.conll", "text/b.conll"}
    assert "pruned" not in ledger.frames


def test_a_timestamp_that_comes_later_doubles_no_frame(site: SiteUnderTest) -> None:
    site.register()
    name = table(site, "file,taken", *(f"{n:02}.png,{n}" for n in range(12)))
    assert site.register(columns_file=name, timestamp_column="taken").frames["updated"] == 12
    assert len(frames(site)) == 12


def test_one_missing_word_keeps_a_column_numeric(site: SiteUnderTest) -> None:
    ages = ["60", "7", "100", "NA", "18", "9"]
    ledger = site.register(columns_file=table(site, "file,age", *(f"{n:02}.png,{a}" for n, a in enumerate(ages))))
    assert any("age" in note.place + note.detail for note in ledger.notes)
    view = site.published_view(local_query="age:>=18")
    assert len(list(site.reader.open(view=view.reference))) == 3


def test_deliveries_that_give_a_column_another_type_are_told(site: SiteUnderTest) -> None:
    site.register(columns_file=table(site, "file,age", "00.png,5", "01.png,6"))
    ledger = site.register(columns_file=table(site, "file,age", "00.png,old", "01.png,young", name="b.csv"))
    assert "columns have another type than in an earlier table" in reasons(ledger)


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"context_column": "Patient"}, InvalidArgument, "patient"),
        ({"timestamp_column": "tim"}, InvalidArgument, "time"),
        ({"column_types": {"agee": "text"}}, InvalidArgument, "age"),
        ({"column_types": {"age": "txt"}}, InvalidArgument, "text"),
        ({"context_column": "patient", "context_as": "whole"}, InvalidArgument, "integer"),
        ({"columns_file": "gone.csv"}, NotFound, "gone.csv"),
        ({"columns_file": "../../etc/passwd"}, (NotFound, InvalidArgument), "no file|no `..`"),
        ({"columns_file": "", "context_column": "patient"}, InvalidArgument, "say which with `columns`"),
        ({"boxes_as": "turned"}, InvalidArgument, "stored"),
        ({"format": "vocc"}, InvalidArgument, "Did you mean voc"),
    ],
)
def test_orders_with_mistakes(site: SiteUnderTest, more: dict, error: type, message: str) -> None:
    name = table(site, "file,patient,age,time", "00.png,p1,30,5")
    with pytest.raises(error, match=message):
        site.register(**{"columns_file": name, **more})


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["tables/meta.csv", "../tables/meta.csv", "{link}/tables/meta.csv", "{data}/tables/meta.csv"]
)
def test_a_table_is_found_by_each_of_its_paths(site: SiteUnderTest, tmp_path: Path, name: str) -> None:
    (site.data / "tables").mkdir()
    (tmp_path / "link").symlink_to(site.data)
    path = table(site, "file,age", "00.png,5", name="tables/meta.csv")
    given = name.format(link=tmp_path / "link", data=site.data)
    request = pb.RegisterRequest(path="scans/wbc", dataset="clinic/cells", columns_file=given)
    assert ledger_of(site.reader.register(request)).kept["table rows"] == 1, path


@pytest.mark.parametrize(
    "name", ["{link}/gone.csv", "{data}/gone.csv", "{data}/wbc", "wbc", "/etc/passwd", "x\0y", "/x\0y"]
)
def test_a_table_that_is_not_there(site: SiteUnderTest, tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to(site.data)
    with pytest.raises(NotFound, match="there is no file"):
        site.register(columns_file=name.format(link=tmp_path / "link", data=site.data))


@pytest.mark.parametrize("name", ["link.csv", "{data}/link.csv"])
def test_a_table_that_is_a_link_is_refused(site: SiteUnderTest, name: str) -> None:
    (site.data / "link.csv").symlink_to(site.data / table(site, "file,age", "00.png,5"))
    with pytest.raises(InvalidArgument, match="links are not followed"):
        site.register(columns_file=name.format(data=site.data))


def test_annotations_that_come_later_are_added(site: SiteUnderTest) -> None:
    site.register(format="voc")
    (site.data / "rbc" / "01.xml").write_text(XML.format("cat"))
    assert site.register(format="voc").frames["annotations added"] == 1
    (site.data / "rbc" / "01.xml").write_text(XML.format("fox"))
    assert STORED_KEPT in reasons(site.register(format="voc"))
    assert frames(site)["rbc/01.png"]["annotations"][0]["labels"] == ["cat"]
    site.register(format="voc", replace_annotations=True)
    assert frames(site)["rbc/01.png"]["annotations"][0]["labels"] == ["fox"]


def test_files_that_disappeared_are_named_and_pruned_when_asked(site: SiteUnderTest) -> None:
    site.register()
    (site.data / "rbc" / "01.png").unlink()
    ledger = site.register()
    assert [note.place for note in ledger.notes if note.reason == DISAPPEARED] == ["rbc/01.png"]
    assert len(frames(site)) == 12
    ledger = site.register(prune=True)
    assert (PRUNED in reasons(ledger), ledger.frames["pruned"], len(frames(site))) == (True, 1, 11)
    assert DISAPPEARED not in reasons(site.register())


def test_a_file_rewritten_with_its_time_kept_is_noticed(site: SiteUnderTest) -> None:
    site.register()
    path = site.data / "rbc" / "01.png"
    before = path.stat()
    out = io.BytesIO()
    Image.new("RGB", (9, 9)).save(out, "PNG")
    with path.open("r+b") as file:
        file.write(out.getvalue())
        file.truncate()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert site.register().frames["file or grouping changed"] == 1
    view = site.published_view()
    assert len(list(site.reader.open(view=view.reference))) == 12


def test_an_unchanged_file_gets_the_preview_that_it_has_not(site: SiteUnderTest) -> None:
    """The profile was strict before, or an extra was not installed."""
    site.register()
    store = site.node._site.store
    sha256 = store.same_files("scans")[b"rbc/01.png"]["sha256"]
    preview = store.thumbnail(sha256)
    assert preview
    store._execute("UPDATE thumbnails SET image = x'00' WHERE sha256 != ?", (sha256,))
    store._execute("DELETE FROM thumbnails WHERE sha256 = ?", (sha256,))
    assert site.register().frames["unchanged"] == 12
    assert store.thumbnail(sha256) == preview
    others = {each["sha256"] for path, each in store.same_files("scans").items() if path != b"rbc/01.png"}
    assert {store.thumbnail(each) for each in others} == {b"\0"}, "these are not made again"


def test_a_dry_run_keeps_and_sends_nothing(site: SiteUnderTest) -> None:
    ledger = site.register(dry_run=True)
    assert (ledger.kept["frames"], ledger.frames) == (12, {})
    with pytest.raises(NotFound):
        DatasetVersion.get_current("clinic/cells", client=site.client)
    assert site.register().frames["added"] == 12


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_registration_that_is_refused_writes_nothing(site: SiteUnderTest, *, dry_run: bool) -> None:
    site.register(columns_file=table(site, "file,patient", "00.png,p1"), context_column="patient")
    site.published_view()
    before = [version.name for version in DatasetVersion.get_versions("clinic/cells", client=site.client)]
    other = table(site, "file,patient", "00.png,p2", name="other.csv")
    with pytest.raises(FailedPrecondition, match="`p1` becomes `p2`"):
        site.register(columns_file=other, context_column="patient", dry_run=dry_run)
    for version, error in (("gone", NotFound), ("v1", VersionPublished)):
        with pytest.raises(error):
            site.register(version=version, dry_run=dry_run)
    assert [version.name for version in DatasetVersion.get_versions("clinic/cells", client=site.client)] == before
    with pytest.raises(NotFound):
        site.register("clinic/new", version="gone", dry_run=dry_run)
    with pytest.raises(NotFound):
        DatasetVersion.get_current("clinic/new", client=site.client)


def test_a_dry_run_names_columns_of_another_type(site: SiteUnderTest) -> None:
    site.register(columns_file=table(site, "file,age", "00.png,5"))
    ledger = site.register(columns_file=table(site, "file,age", "00.png,old", name="b.csv"), dry_run=True)
    assert "columns have another type than in an earlier table" in reasons(ledger)


def test_classes_and_limit(site: SiteUnderTest) -> None:
    assert site.register(classes=["wbc"]).frames["added"] == 4
    assert site.register(limit=2).frames["added"] == 2


def test_masks_are_served_beside_their_pictures(site: SiteUnderTest) -> None:
    for name in ("JPEGImages", "SegmentationClass", "Annotations"):
        (site.data / name).mkdir()
    for n in (1, 2):
        Image.new("P", (32 + n, 24), n).save(site.data / "SegmentationClass" / f"{n:02}.png")
        (site.data / "rbc" / f"{n:02}.png").rename(site.data / "JPEGImages" / f"{n:02}.png")
    (site.data / "Annotations" / "01.xml").write_text(XML.format("cat"))
    ledger = site.register(format="voc")
    assert ledger.kept["masks"] == 2
    draft = DatasetVersion.get_current("clinic/cells", client=site.client)
    assert {"value": [64, 0, 0], "labels": ["cat"]} in draft.get_metadata()["mask_labels"]["_all_"]
    view = site.published_view(frame_query="rois.label:cat")
    (sample,) = site.reader.open(view=view.reference)
    assert sample.mask("SegmentationClass") == (site.data / "SegmentationClass" / "01.png").read_bytes()


def test_arrays_are_those_of_the_picture_as_shown(site: SiteUnderTest) -> None:
    """A quarter turn: the box, the frame's size and the array agree."""
    raw = np.zeros((60, 100, 3), np.uint8)
    raw[:, 80:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    (site.data / "yolo" / "images").mkdir(parents=True)
    (site.data / "yolo" / "labels").mkdir()
    Image.fromarray(raw).save(site.data / "yolo" / "images" / "a.jpg", exif=exif, quality=95)
    (site.data / "yolo" / "labels" / "a.txt").write_text("0 .5 .9 1 .2\n")
    (site.data / "yolo" / "data.yaml").write_text("names: [strip]\n")
    request = pb.RegisterRequest(path="scans/yolo", dataset="clinic/cells")
    list(site.reader.register(request))
    view = site.published_view()
    with view.open(site.reader) as served:
        (sample,) = served
        assert isinstance(sample, AnyFrame)
        array = sample.array()
        x, y, width, height = map(int, sample.annotations[0]["geometry"]["box"])
        assert array.shape == (100, 60, 3)
        assert array[y + 1 : y + height - 1, x + 1 : x + width - 1].mean() > 200


def test_an_odd_picture_does_not_break_an_array_without_its_name(site: SiteUnderTest) -> None:
    Image.new("RGB", (33, 24)).save(site.data / "rbc" / "same.png")
    Image.new("I;16", (50, 50), 65_535).save(site.data / "rbc" / "odd.png")
    site.register()
    view = site.published_view(source_query="width:33 OR width:50")
    with (
        view.open(site.reader) as served,
        pytest.raises(InvalidArgument, match=r"frame \w+ has the shape"),
    ):
        served.numpy()
    view = site.published_view("deep", source_query="width:50")
    with view.open(site.reader) as served:
        shown, _ = served.numpy()
        raw, _ = served.numpy(decode="raw")
    assert (shown.dtype, shown.shape, int(shown.max())) == (np.uint8, (1, 50, 50), 255)
    assert (raw.dtype, int(raw.max())) == (np.uint16, 65_535)
