"""What a person tries first in a notebook: each answer shows what it is, or says what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.core.errors import HyperdatasetsError


@pytest.fixture
def picture(tmp_path: Path) -> hd.SingleFrame:
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    return hd.SingleFrame((tmp_path / "a.png").as_uri(), id="a", content_type="image/png")


@pytest.fixture
def version(tmp_path: Path, picture: hd.SingleFrame) -> Iterator[hd.DatasetVersion]:
    (tmp_path / "a.txt").write_text("a word")
    with testing.deployment(tmp_path / "service"):
        hd.Dataset.create("lab/cells")
        text = hd.SingleFrame((tmp_path / "a.txt").as_uri(), id="text", content_type="text/plain")
        hd.DatasetVersion.get_current("lab/cells").add_frames([picture, text])
        yield hd.DatasetVersion.create_snapshot("lab/cells", "the first one")


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(HyperdatasetsError) as caught:
        call()
    return str(caught.value)


def test_a_snapshot_takes_its_name_as_the_second_argument(version: hd.DatasetVersion) -> None:
    assert version.name == "the first one"


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (hd.Dataset, "`Dataset.get(name)`"),
        (hd.DatasetVersion, "`DatasetVersion.get_version(dataset_name, version_name)`"),
        (hd.Experiment, "`Experiment.get(name)`"),
        (hd.Task, "`Task.get(name)`"),
    ],
)
def test_a_constructor_that_gets_a_name_says_which_call_opens_it(
    version: hd.DatasetVersion, kind: Callable[[str], object], call: str
) -> None:
    assert call in message_of(lambda: kind("lab/cells"))


def test_a_position_is_no_frame_id(version: hd.DatasetVersion) -> None:
    assert "`version[frame_id]`" in message_of(lambda: version[0])  # type: ignore[index]


def test_an_order_that_is_none() -> None:
    told = "iteration_order: expected sequential or random, got 'rand'. Did you mean random?"
    assert message_of(lambda: hd.DataView("a", iteration_order="rand")) == told
    assert message_of(lambda: hd.DataView("a").set_iteration_parameters(order="rand")) == told
    assert hd.DataView("a", iteration_order="random").spec["iteration"]["order"] == "random"


def test_the_beginning_of_a_name_finds_it(version: hd.DatasetVersion) -> None:
    view = hd.DataView("white cells of 2024-11-18T12:00")
    view.add_query("lab/cells", version.name)
    view.store()
    assert "Did you mean white cells of 2024-11-18T12:00?" in message_of(lambda: hd.DataView.get("white cells"))
    assert "Did you mean the first one?" in message_of(lambda: hd.DatasetVersion.get_version("lab/cells", "first"))


def test_a_mode_in_the_place_of_a_source(picture: hd.SingleFrame) -> None:
    assert 'write `mode="RGB"`' in message_of(lambda: picture.image("RGB"))
    assert "mode" not in message_of(lambda: picture.image("front"))
    assert picture.image(mode="L").mode == "L"


def test_a_text_that_is_read_as_a_picture(version: hd.DatasetVersion) -> None:
    view = hd.DataView("texts")
    view.add_query("lab/cells", version.name, frame_query="id:text")
    for call in (view.numpy, next(iter(view.open())).plot):  # type: ignore[union-attr]
        told = message_of(call)
        assert "it is no picture; read it with `text()`" in told
        assert "arguments `frames` and `transform`" in told


def test_why_a_frame_was_not_written_is_shown_whole(version: hd.DatasetVersion) -> None:
    group = hd.FrameGroup(id="g")
    group["default"] = hd.SingleFrame("a.png")
    written = hd.DatasetVersion.get_current("lab/cells").add_frames([group])
    assert written[0].message in repr(written)
    assert "…" not in repr(written)


def test_what_is_read_shows_itself(version: hd.DatasetVersion) -> None:
    view = hd.DataView("all")
    view.add_query("lab/cells", version.name, frame_query="id:a")
    opened = view.open()
    assert repr(opened) == f"OpenedView('{view.reference}', (no site): 1)"
    data = opened.dataset()
    assert repr(data) == "FrameDataset(0 delivered)"
    assert data[0][1] == -1
    assert repr(data) == "FrameDataset(1 delivered)"
    with pytest.raises(IndexError, match="1: there are positions 0 to 0") as caught:
        data[1]
    assert isinstance(caught.value, HyperdatasetsError)  # so that its report ends at the line of the user
    assert not type(caught.value).__name__.startswith("_")
    endless = opened.dataset(iterable=True, epoch=2)
    assert repr(endless) == "FrameStream(epoch 2, 0 delivered)"
    assert repr(hd.NodeClient("127.0.0.1:7410")) == "NodeClient('127.0.0.1:7410')"


def test_an_empty_name_is_told(version: hd.DatasetVersion) -> None:
    for call in (lambda: hd.DataView.get(""), lambda: hd.Dataset.get(""), hd.Dataset.get("lab/cells").delete):
        assert message_of(call).endswith("is named: the name or the id is empty")
    assert message_of(lambda: hd.Experiment.start("")) == "a name is missing: an experiment has one"


def test_labels_are_numbered_by_an_object() -> None:
    told = "labels: expected an object of labels and their numbers, or `from_zero`, got list"
    assert message_of(lambda: hd.DataView("a").set_labels(["cat", "dog"])) == told  # type: ignore[arg-type]


def test_what_is_compared_with_may_be_named(version: hd.DatasetVersion) -> None:
    views = [hd.DataView(name) for name in ("some", "all")]
    for view, query in zip(views, ("id:a", "*"), strict=True):
        view.add_query("lab/cells", version.name, frame_query=query)
        view.publish()
    assert views[0].compare("all") == views[0].compare(views[1])
    assert views[0].compare("all")["only_there"] == 1
    runs = [hd.Experiment.start(f"lab/{number}", parameters={"n": number}) for number in range(2)]
    assert runs[0].compare("lab/1") == {"parameters.n": (0, 1)}
    hd.DatasetVersion.get_current("lab/cells").delete_frames("text")
    assert version.diff("Current").removed == 1
    for run in runs:
        run.close()


def test_a_run_says_what_it_cannot_note(version: hd.DatasetVersion) -> None:
    view = hd.DataView("lab/all")
    view.add_query("lab/cells", version.name)
    view.publish()
    with hd.Experiment.start("lab/run") as run:
        assert "`DataView.get(name)`" in message_of(lambda: run.connect("lab/all", "train"))  # type: ignore[arg-type]
        assert run.connect(view, "train").reference == view.reference
        run.log_metrics({"a": np.float32(0.5), "b": 1, "c": np.array([2.0])[0]})
        assert message_of(lambda: run.log_metrics(3)) == (  # type: ignore[arg-type]
            "metrics: expected an object of names and numbers, got int"
        )
        for wrong in ("1", None, [1.0], np.array([1.0, 2.0])):
            told = message_of(lambda wrong=wrong: run.log_metrics({"d": wrong}))  # type: ignore[misc]
            assert told.startswith("metrics: `d` is no number: ")
        assert run.metrics() == {"a": {0: 0.5}, "b": {0: 1.0}, "c": {0: 2.0}}
        assert "Did you mean train?" in message_of(lambda: run.view("tran"))
        for state in ("boom", "unspecified"):
            told = message_of(lambda state=state: run.set_state(state))  # type: ignore[misc]
            assert told == f"state: expected one of created, running, completed, failed, stopped, got '{state}'"


def test_a_view_counts_its_labels(version: hd.DatasetVersion) -> None:
    draft = hd.DatasetVersion.get_current("lab/cells")
    frame = draft.get_frame("a")
    for box in ((0, 0, 2, 2), (3, 3, 2, 2)):
        frame.add_annotation(labels="cat", box2d_xywh=box)
    draft.update_frames([frame])
    view = hd.DataView("cats")
    view.add_query("lab/cells", hd.DatasetVersion.create_snapshot("lab/cells", "cats").name)
    assert (view.counts(), view.counts(of="annotations")) == ({"cat": 1}, {"cat": 2})
