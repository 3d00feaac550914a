"""What objects show of themselves in a terminal and in a notebook, also when their service has gone."""

from __future__ import annotations

import copy
import io
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hyperdatasets import Dataset, DatasetVersion, DataView, Experiment, SingleFrame, import_frames, testing
from hyperdatasets.client.vectors import Neighbours
from hyperdatasets.core.tables import HTML_ROWS, TEXT_ROWS, Table
from hyperdatasets.core.thumbnails import grid
from hyperdatasets.formats.ledger import Ledger

EVIL = "<img src=x onerror=alert(1)>&\x1b[31m"
TAGS = {"div", "strong", "table", "tr", "th", "td", "figure", "figcaption", "img"}
CHECKS = "checks:\n- name: enough\n  expect: count >= 100\n"


def frames() -> Iterator[SingleFrame]:
    for number in range(6):
        frame = SingleFrame(
            f"s3://b/{number}", id=f"f{number}", metadata={"n": number, "when": f"2024-01-0{number + 1}"}
        )
        frame.add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["cat" if number % 3 else "<b>"])
        yield frame
    wrong = SingleFrame("s3://b/x", id="wrong")
    wrong.plain["annotations"] = [{"labels": [1]}]
    yield wrong


def neighbours(version: DatasetVersion) -> Neighbours:
    version.set_vectors("look", {f"f{number}": [number, 1.0] for number in range(6)})
    return version.nearest("look", to="f0", k=2, metric="l2")


def objects(folder: Path) -> dict[str, Any]:
    """One of each kind, with texts that want to be HTML or to steer a terminal."""
    Dataset.create("clinic/cells", tags=[EVIL], description=EVIL, metadata={EVIL: {"deep": [1, EVIL]}})
    version = DatasetVersion.get_version("clinic/cells")
    written = version.add_frames(frames())
    version.set_comment(EVIL)
    version.publish_version("v1")
    child = DatasetVersion.create_version("clinic/cells", "v2", parent_version_names=["v1"])
    child.add_frames([SingleFrame("s3://b/new", id="new", metadata={"n": EVIL})])
    (folder / "checks.yaml").write_text(CHECKS)
    local = DataView("clinic/local")
    local.add_query("clinic/cells", "v1", frame_query="meta.n:<3", roi_query="cat", weight=2)
    local.add_query(EVIL, "v1")
    view = DataView("clinic/train")
    view.add_query("clinic/cells", "v1")
    with Experiment.start("clinic/run", parameters={"name": EVIL}) as run:
        run.connect(view, "train")
    (folder / "data").mkdir()
    (folder / "data" / "broken<b>.png").write_bytes(b"nothing")
    (folder / "data" / "a.bin").write_bytes(b"a")
    with pytest.warns(UserWarning, match="cannot be read"):
        ledger = import_frames(folder / "data", "clinic/files", format="files")
    return {
        "dataset": Dataset.get("clinic/cells"), "version": version, "draft": child, "local view": local,
        "view": view, "experiment": run, "written": written, "check report": child.check(folder / "checks.yaml"),
        "resolution": view.resolve(), "diff": version.diff(child), "ledger": ledger,
        "labels": version.statistics("rois.label", pairs=True), "numbers": version.statistics("meta.n", bins=2),
        "dates": version.statistics("meta.when", bins=2), "schema": child.schema(),
        "sample": version.sample(by="rois.label", per_value=1), "neighbours": neighbours(version),
    }  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("shown")
    with testing.deployment(folder):
        return objects(folder)


class Reader(HTMLParser):
    """Collects tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_service_has_gone_and_every_repr_answers_at_once(shown: dict[str, Any]) -> None:
    start = time.monotonic()
    for each in shown.values():
        assert repr(each)
        assert each._repr_html_()
    assert time.monotonic() - start < 1


def test_html_is_escaped_and_loads_nothing(shown: dict[str, Any]) -> None:
    for name, each in shown.items():
        read = Reader(each._repr_html_())
        assert read.tags <= TAGS - {"img"}, name
        assert {attribute for attribute, _ in read.attributes} <= {"style"}, name
        assert not any("url(" in value or "background" in value or "color:" in value for _, value in read.attributes)
        assert "\x1b" not in "".join(read.text), name
    assert EVIL.replace("\x1b", "\\x1b") in Reader(shown["dataset"]._repr_html_()).text


def test_texts_steer_no_terminal(shown: dict[str, Any]) -> None:
    for name, each in shown.items():
        assert "\x1b" not in repr(each), name
    for name in ("dataset", "version", "draft", "local view", "view", "experiment", "diff"):
        assert "\n" not in repr(shown[name]), name


def test_one_line_each(shown: dict[str, Any]) -> None:
    assert repr(shown["dataset"]) == "Dataset('clinic/cells', 2 versions)"
    assert repr(shown["version"]) == "DatasetVersion('v1', published, 6 frames)"
    assert repr(shown["experiment"]) == "Experiment('run', completed)"
    assert repr(shown["diff"]) == "VersionDiff(1 added, 0 removed, 0 changed)"
    assert repr(shown["view"]).startswith("DataView('train@sha256:")
    assert repr(shown["view"]).endswith(", published, 1 rule: clinic/cells v1)")
    assert repr(shown["local view"]).startswith(
        "DataView('local', local, 2 rules: clinic/cells v1 where frames meta.n:<3 and ROIs cat; <img"
    )


def test_tables_are_aligned(shown: dict[str, Any]) -> None:
    assert repr(shown["labels"]).splitlines()[:4] == [
        "rois.label: 6 frames, 6 elements, 0 without a value, 2 distinct values",
        "  value  elements  frames",
        "  cat           4       4",
        "  <b>           2       2",
    ]
    assert "numbers; quantiles: 0, 1.25, 2.5, 3.75, 5" in repr(shown["numbers"]).splitlines()
    assert [line.split()[:3] for line in repr(shown["schema"]).splitlines()[1:3]] == [
        ["field", "types", "frames"], ["id", "string", "7"],
    ]  # fmt: skip
    assert repr(shown["written"]).splitlines()[0] == "WriteResult(6 added, 0 updated, 0 unchanged, 1 failed)"
    assert repr(shown["written"]).splitlines()[2].split()[:3] == ["6", "wrong", "INVALID_FRAME"]
    assert repr(shown["ledger"]).splitlines()[:3] == [
        "Ledger(files, 1 added, 0 updated, 0 unchanged, 0 refused)",
        "  kind    read  kept  lost",
        "  frames     2     1     1",
    ]
    assert repr(shown["check report"]).splitlines()[2].split()[:2] == ["enough", "no"]
    assert repr(shown["resolution"]).splitlines()[1:] == [
        "  rule  site       frames  ROIs",
        "     0  (no site)       6     6",
    ]


def test_samples_and_neighbours_name_their_frames(shown: dict[str, Any]) -> None:
    assert repr(shown["sample"]).splitlines()[0] == "Sample(2 of 6 frames; 2 values, 0 without one)"
    assert len(repr(shown["sample"]).splitlines()) == 4
    assert [line.split() for line in repr(shown["neighbours"]).splitlines()[1:]] == [
        ["frame", "l2"],
        ["f1", "1"],
        ["f2", "2"],
    ]
    assert repr(shown["neighbours"]).splitlines()[0] == "Neighbours(2 of 5 vectors; exact)"


def test_statistics_and_schema_are_dictionaries(shown: dict[str, Any]) -> None:
    for name in ("labels", "numbers", "dates", "schema"):
        each = shown[name]
        assert isinstance(each, dict)
        assert each == dict(each) == copy.deepcopy(each)
    assert shown["labels"]["counts"] == {"cat": 4, "<b>": 2}
    parts = copy.copy(shown["numbers"])
    del parts["histogram"], parts["frames"]
    assert repr(parts).startswith("meta.n: 0 frames")


def test_long_tables_and_cells_end_with_how_much_is_left_out() -> None:
    table = Table("t", ("a", "b"), [(number, "x" * 1_000) for number in range(150)])
    assert table.text().endswith(f"… and {150 - TEXT_ROWS} more")
    assert all(len(line) < 80 for line in table.text().splitlines())
    assert f"… and {150 - HTML_ROWS} more" in table.html()
    assert len(table.html()) < 60_000


def test_wide_and_combining_characters_take_their_columns() -> None:
    lines = Table("t", ("city", "n"), [("東京", 1), ("Zu\u0308rich", 22)]).text().splitlines()
    assert lines[1:] == ["  city     n", "  東京     1", "  Zu\u0308rich  22"]


def test_an_empty_ledger_and_an_empty_result_show_their_title() -> None:
    assert repr(Ledger("coco")) == "Ledger(coco)"
    assert Table("none", ("a",), []).text() == "none"
    assert Reader(Table("none", ("a",), []).html()).text == ["none"]


def test_thumbnails_hold_their_pictures() -> None:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    read = Reader(grid([(EVIL, file.getvalue()), ("no picture", b"")]))
    assert read.tags <= TAGS
    sources = [value for name, value in read.attributes if name == "src"]
    assert len(sources) == 1
    assert sources[0].startswith("data:image/png;base64,")
    assert EVIL.replace("\x1b", "\\x1b") in read.text
    assert "no picture" in read.text
