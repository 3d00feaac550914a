"""Data sets for training loops: by index and iterable, in any number of workers, with and without Flower."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient, current
from hyperdatasets.core.errors import InvalidArgument, InvalidView, SourceUnreadable
from hyperdatasets.flower import SiteView, site_view
from tests.conftest import module_of_dev
from tests.flower_context import Context
from tests.sdk.loader_servers import servers

pytestmark = pytest.mark.slow

torch = module_of_dev("torch")
DataLoader = module_of_dev("torch.utils.data").DataLoader


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], Path]]:
    folder = tmp_path_factory.mktemp("loaders")
    with servers(folder) as nodes:
        yield nodes, folder


def view_of(name: str, dataset: str = "p/pets", **options: Any) -> hd.DataView:
    view = hd.DataView(name, **options)
    view.add_query(dataset_name=dataset, version_name="v1")
    return view.publish()


@pytest.fixture(scope="module")
def reference(deployed: Any) -> str:
    return view_of("pets", iteration_order="random").reference


@pytest.fixture(scope="module")
def endless(deployed: Any) -> str:
    return view_of("endless", iteration_order="random", iteration_infinite=True).reference


@pytest.fixture
def train(deployed: Any, reference: str) -> Iterator[SiteView]:
    with opened(deployed, reference) as view:
        yield view


def opened(deployed: Any, reference: str, **options: Any) -> SiteView:
    return site_view(Context({"node-address": deployed[0]["here"]}, {"view-train": reference}), "train", **options)


def ids(batches: Any) -> list[list[str]]:
    return [[frame.id for frame in batch] for batch in batches]


def test_a_training_loop_of_four_lines(train: SiteView) -> None:
    assert train.counts() == {"cat": 10, "dog": 10}
    ds = train.dataset(image="RGB", transform=lambda image: np.asarray(image) / 255, columns=("img", "label"))
    batches = list(DataLoader(ds, batch_size=8, shuffle=True, num_workers=2))
    assert [tuple(batch["img"].shape) for batch in batches] == [(8, 3, 4, 3), (8, 3, 4, 3), (4, 3, 4, 3)]
    assert sorted(torch.cat([batch["label"] for batch in batches]).tolist()) == [1] * 10 + [2] * 10
    assert (len(ds), ds.delivered, ds.mismatched, ds.withdrawn) == (20, 20, 0, 0)


def test_by_index_it_is_the_view_in_its_order(train: SiteView) -> None:
    ds = train.dataset(frames=True)
    inorder = [frame.id for frame in train]
    assert [ds[index].id for index in (0, 19, -1, 7)] == [inorder[index] for index in (0, 19, -1, 7)]
    assert [frame.id for frame in ds.__getitems__([5, 3, 5])] == [inorder[5], inorder[3], inorder[5]]
    assert ds[torch.tensor(3)].id == ds[np.int64(3)].id == inorder[3]
    for index in (20, -21):
        with pytest.raises(IndexError):
            ds[index]
    for wrong in (1.5, "1", slice(2)):
        with pytest.raises(TypeError):
            ds[wrong]


def test_subsets_and_splits(train: SiteView) -> None:
    part, rest = torch.utils.data.random_split(train.dataset(frames=True), [15, 5])
    both = [frame.id for batch in DataLoader(part, batch_size=4, collate_fn=list) for frame in batch]
    both += [rest[index].id for index in range(5)]
    assert sorted(both) == sorted(frame.id for frame in train)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_are_the_same_with_any_number_of_workers(train: SiteView, workers: int) -> None:
    stream = train.dataset(frames=True, iterable=True, batch_size=6)
    inorder = [frame.id for frame in train]
    found = ids(DataLoader(stream, batch_size=6, num_workers=workers, collate_fn=list))
    assert sorted(found) == sorted(inorder[start : start + 6] for start in range(0, 20, 6))
    assert (len(stream), stream.delivered) == (20, 20)


def test_frames_come_out_of_workers_with_their_content(train: SiteView) -> None:
    ds = train.dataset(frames=True)
    (batch,) = DataLoader(ds, batch_size=20, num_workers=1, collate_fn=list)
    assert {frame.id: frame.content() for frame in batch} == {frame.id: frame.content() for frame in train}


def test_a_pickled_frame_has_its_bytes_and_no_connection(train: SiteView) -> None:
    frame = next(iter(train))
    content = pickle.dumps(frame)
    again = pickle.loads(content)
    assert (again.content(), again.label_ids, again.position) == (frame.content(), frame.label_ids, 0)
    assert b"Connection" not in content


def test_no_pickle_holds_a_token(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = MetadataClient(ClientConfig(service=current().config.service, token="hd_user_secret"))
    again = pickle.loads(pickle.dumps(given))
    assert b"hd_user_secret" not in pickle.dumps(given) + pickle.dumps(given.connection)
    assert (again.config.service, again.config.token) == (given.config.service, "")
    monkeypatch.setenv("HYPERDATASETS_TOKEN", "hd_user_own")
    assert pickle.loads(pickle.dumps(given)).config.token == "hd_user_own"


def test_a_data_set_can_be_sent_to_a_new_process(train: SiteView) -> None:
    ds = train.dataset(frames=True)
    loader = DataLoader(ds, batch_size=10, num_workers=1, collate_fn=list, multiprocessing_context="spawn")
    assert sum(len(batch) for batch in loader) == 20
    assert ds.delivered == 20


def test_targets(train: SiteView) -> None:
    x, y = train.dataset()[0]
    assert (x.shape, x.dtype, y) == ((3, 3, 4), torch.uint8, next(iter(train)).label_ids[0][0])
    x, y = train.dataset(image="L", target="multi_hot", target_transform=lambda hot: hot.tolist())[0]
    assert (tuple(x.shape), sum(y), len(y)) == ((1, 3, 4), 1.0, 2)
    assert train.dataset(target=lambda frame: frame.id)[0][1] == next(iter(train)).id
    arrays, hot = train.numpy("L", "multi_hot")
    assert (arrays.shape, hot.sum(axis=0).tolist()) == ((20, 3, 4), [10.0, 10.0])


def test_label_numbers_from_zero(deployed: Any) -> None:
    view = hd.DataView("zero")
    view.add_query(dataset_name="p/pets", version_name="v1")
    view.set_labels("from_zero")
    assert {tuple(frame.label_ids[0]) for frame in view} == {(0,), (1,)}
    with opened(deployed, view.publish().reference) as at_site:
        assert at_site.labels == {"cat": 0, "dog": 1}
        assert sorted(at_site.numpy()[1].tolist()) == [0] * 10 + [1] * 10
    assert hd.DataView.get(name="zero").clone(name="zero again").spec["labels"] == "from_zero"
    with pytest.raises(InvalidView, match="from_zero"):
        hd.DataView.from_yaml("{rules: [{}], labels: zero}")


def test_a_label_that_is_given_no_number_is_in_no_multi_hot(deployed: Any) -> None:
    view = hd.DataView("ignored")
    view.add_query(dataset_name="p/pets", version_name="v1")
    view.set_labels({"cat": -1, "dog": 0})
    with opened(deployed, view.publish().reference) as at_site:
        assert sorted(map(tuple, at_site.numpy(target="multi_hot")[1].tolist())) == [(0.0,)] * 10 + [(1.0,)] * 10


@pytest.mark.parametrize("wrong", [
    {"image": "rgb"}, {"target": "labels"}, {"columns": "img"}, {"columns": ("a",)}, {"batch_size": 0},
])  # fmt: skip
def test_wrong_arguments_are_named(train: SiteView, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        train.dataset(**wrong)


def test_a_view_without_end_asks_for_an_epoch(deployed: Any, endless: str) -> None:
    with opened(deployed, endless) as view:
        for read in (lambda: len(view), view.numpy, lambda: list(view.dataset(iterable=True)),
                     lambda: len(view.dataset()), lambda: view.dataset()[0]):  # fmt: skip
            with pytest.raises(InvalidArgument, match="epoch"):
                read()
        assert view.counts() == {"cat": 10, "dog": 10}
        assert len(view.numpy(epoch=3)[1]) == 20
        ds, stream = view.dataset(frames=True), view.dataset(frames=True, iterable=True, epoch=0)
        seen = []
        for epoch in (0, 1):
            ds.set_epoch(epoch)
            stream.set_epoch(epoch)
            assert len(ds) == len(stream) == 20
            inorder = [frame.id for frame in stream]
            assert inorder == [frame.id for (frame,) in DataLoader(ds, batch_size=1, num_workers=1, collate_fn=list)]
            seen.append(inorder)
        assert sorted(seen[0]) == sorted(seen[1])
        assert seen[0] != seen[1]


@pytest.mark.filterwarnings("ignore:.set_vital. is deprecated")  # torchdata calls it
@pytest.mark.parametrize("workers", [0, 2])
def test_an_interrupted_epoch_goes_on_exactly(train: SiteView, workers: int) -> None:
    stateful = module_of_dev("torchdata.stateful_dataloader").StatefulDataLoader

    def loader() -> Any:
        return stateful(train.dataset(frames=True, iterable=True, batch_size=3), batch_size=3, num_workers=workers,
                        collate_fn=list)  # fmt: skip

    whole = ids(loader())
    first = loader()
    batches = iter(first)
    begun = ids([next(batches), next(batches), next(batches)])
    again = loader()
    again.load_state_dict(first.state_dict())
    assert begun + ids(again) == whole
    assert ids(again) == whole


def test_what_changed_is_left_out_and_counted(deployed: Any) -> None:
    nodes, folder = deployed
    view = view_of("changing", dataset="p/changing")
    (folder / "changing" / "2.png").write_bytes(b"another")
    opened = view.open(hd.NodeClient(nodes["changing"]))
    ds = opened.dataset(frames=True)
    with pytest.warns(UserWarning, match="changed"):
        batches = list(DataLoader(ds, batch_size=3, collate_fn=list))
    assert [len(batch) for batch in batches] == [2, 3] or [len(batch) for batch in batches] == [3, 2]
    assert (len(ds), ds.delivered, ds.mismatched) == (6, 5, 1)
    gone = next(index for index in range(6) if index not in {frame.position for batch in batches for frame in batch})
    with pytest.warns(UserWarning, match="changed"), pytest.raises(SourceUnreadable, match="has changed"):
        ds[gone]


def test_without_flower_and_without_a_site(deployed: Any, tmp_path: Path) -> None:
    dataset = hd.DatasetVersion.create_new_dataset("open", dataset_project="p")
    for number in range(7):
        Image.new("L", (4, 3), number).save(tmp_path / f"{number}.png")
        frame = hd.SingleFrame(tmp_path / f"{number}.png", context_id=str(number), width=4, height=3)
        frame.add_annotation(labels="even" if number % 2 == 0 else "odd", box2d_xywh=(0, 0, 2, 1))
        assert not dataset.add_frames([frame])
    hd.DatasetVersion.create_snapshot("p/open", publish_name="v1")
    view = hd.DataView("open")
    view.add_query(dataset_name="p/open", version_name="v1")
    ds = view.dataset(columns=("x", "y"))
    assert [int(ds[index]["x"].max()) for index in range(7)] == list(range(7))
    shuffled = DataLoader(ds, batch_size=2, shuffle=True, num_workers=2)
    assert sorted(value for batch in shuffled for value in batch["x"].amax((1, 2, 3)).tolist()) == list(range(7))
    stream = view.dataset(iterable=True, batch_size=2)
    assert sum(len(y) for _, y in DataLoader(stream, batch_size=2, num_workers=2)) == 7
    arrays, numbers = view.numpy()
    assert (arrays.shape, numbers.tolist()) == ((7, 3, 4), [1, 2, 1, 2, 1, 2, 1])
    assert view.open().counts(of="annotations") == {"even": 4, "odd": 3}
    _, target = view.dataset(target="detection")[1]
    assert target["boxes"].tolist() == [[0.0, 0.0, 2.0, 1.0]]
    assert (target["labels"].tolist(), target["area"].tolist(), "masks" in target) == ([2], [2.0], False)


def test_each_picture_has_an_id_of_its_own_over_all_sites(deployed: Any, tmp_path: Path) -> None:
    dataset = hd.DatasetVersion.create_new_dataset("no site", dataset_project="p")
    for number in range(3):
        Image.new("RGB", (4, 3)).save(tmp_path / f"{number}.png")
        assert not dataset.add_frames([hd.SingleFrame(tmp_path / f"{number}.png")])
    hd.DatasetVersion.create_snapshot("p/no site", publish_name="v1")
    view = hd.DataView("two sites", iteration_infinite=True)
    for name in ("p/no site", "p/pets"):
        view.add_query(dataset_name=name, version_name="v1")
    view.publish()
    with view.open(hd.NodeClient(deployed[0]["here"])) as opened:
        ds = opened.dataset(target="detection", epoch=1)
        stream = opened.dataset(target="detection", epoch=1, iterable=True)
        assert [target["image_id"] for _, target in ds.__getitems__([*range(23), -1])] == [*range(23), 22]
        assert [target["image_id"] for _, target in stream] == [*range(23)]


def test_sites_follow_each_other(deployed: Any) -> None:
    nodes = [hd.NodeClient(deployed[0][site]) for site in ("north", "south")]
    view = view_of("both", dataset="p/both")
    ds = view.dataset(node=nodes, frames=True, transform=lambda frame: frame.text())
    assert [ds[index].split()[0] for index in range(7)] == ["north"] * 3 + ["south"] * 4
    assert sorted(ds.__getitems__([6, 0])) == sorted([ds[6], ds[0]])
    stream = view.dataset(node=nodes, frames=True, iterable=True, transform=lambda frame: frame.text(), batch_size=2)
    stream.load_state_dict({"site": 0, "position": 2, "epoch": None})
    assert len(list(stream)) == 5
    assert len(list(stream)) == 7


def open_sessions(deployed: Any) -> int:
    return int(hd.NodeClient(deployed[0]["here"]).status().open_sessions)


def end_at_the_node(view: SiteView) -> None:
    """As if the node were restarted, or the session's time were over: the view knows nothing of it."""
    pickle.loads(pickle.dumps(view.session)).close()


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_workers_end_the_sessions_that_they_had_to_open_again(deployed: Any, train: SiteView, how: str) -> None:
    ds = train.dataset(frames=True)
    end_at_the_node(train)
    before = open_sessions(deployed)
    for _ in range(2):
        loader = DataLoader(ds, batch_size=5, num_workers=2, collate_fn=list, multiprocessing_context=how)
        assert sum(len(batch) for batch in loader) == 20
        assert open_sessions(deployed) == before
    assert ds.delivered == 40


def test_a_view_whose_session_the_node_has_ended_can_be_closed(deployed: Any, reference: str) -> None:
    with opened(deployed, reference) as view:
        end_at_the_node(view)


def test_a_view_that_nobody_needs_any_more_ends_its_session_at_once(deployed: Any, reference: str) -> None:
    before, view = open_sessions(deployed), opened(deployed, reference)
    assert (len(view), open_sessions(deployed)) == (20, before + 1)
    del view
    assert open_sessions(deployed) == before


KEPT: list[SiteView] = []


def open_and_keep(deployed: Any, reference: str) -> None:
    KEPT.append(opened(deployed, reference))
    assert len(KEPT[0]) == 20


def test_a_copy_ends_the_session_that_it_had_to_open_again(deployed: Any, reference: str) -> None:
    before = open_sessions(deployed)
    with opened(deployed, reference) as view:
        copied = pickle.loads(pickle.dumps(view.session))
        end_at_the_node(view)
        assert len(list(copied)) == 20
        assert open_sessions(deployed) == before + 1
        del copied
        assert open_sessions(deployed) == before


def test_a_forked_process_ends_its_sessions_at_its_end(deployed: Any, reference: str) -> None:
    before = open_sessions(deployed)
    process = multiprocessing.get_context("fork").Process(target=open_and_keep, args=(deployed, reference))
    process.start()
    process.join()
    assert (process.exitcode, open_sessions(deployed)) == (0, before)


def test_parts_of_an_epoch_make_the_epoch(deployed: Any, endless: str) -> None:
    parts = [opened(deployed, endless, partition=(part, 3)) for part in range(3)]
    datasets = [each.dataset(frames=True, epoch=0) for each in parts]
    streams = [each.dataset(frames=True, iterable=True, epoch=0) for each in parts]
    for epoch in range(4):
        for each in (*datasets, *streams):
            each.set_epoch(epoch)
        by_index = [frame.id for ds in datasets for frame in ds.__getitems__(range(len(ds)))]
        assert len(by_index) == len(set(by_index)) == 20
        assert [frame.id for stream in streams for frame in stream] == by_index
        assert sorted(by_index) == sorted(
            frame.id for part in range(3) for frame in opened(deployed, endless, partition=(part, 3), epoch=epoch)
        )
        assert sum(len(part.numpy(epoch=epoch)[1]) for part in parts) == 20


@pytest.mark.parametrize("wrong", [-1, -5, 1 << 62, 1 << 64, "3", 1.5])
def test_an_epoch_is_a_whole_number_from_0(train: SiteView, deployed: Any, endless: str, wrong: Any) -> None:
    with opened(deployed, endless) as view:
        for each in (train, view):
            with pytest.raises(InvalidArgument, match="epoch"):
                each.dataset(epoch=wrong)
            with pytest.raises(InvalidArgument, match="epoch"):
                each.dataset(epoch=0).set_epoch(wrong)
        with pytest.raises(InvalidArgument, match="past position"):
            view.dataset(epoch=1 << 38)
        assert len(view.dataset(epoch=np.int64(2))) == 20


def test_a_view_that_was_opened_for_an_epoch_reads_no_other(deployed: Any, endless: str) -> None:
    with opened(deployed, endless, epoch=3) as view:
        assert len(view.dataset(epoch=3)) == 20
        for read in (view.dataset, view.numpy):
            with pytest.raises(InvalidArgument, match="opened for epoch 3"):
                read(epoch=5)


@pytest.mark.filterwarnings("ignore:.set_vital. is deprecated")  # torchdata calls it
@pytest.mark.parametrize("batch_size", [3, 5])
def test_a_state_behind_the_last_batch_has_nothing_left(train: SiteView, batch_size: int) -> None:
    stateful = module_of_dev("torchdata.stateful_dataloader").StatefulDataLoader

    def loader() -> Any:
        return stateful(train.dataset(frames=True, iterable=True, batch_size=batch_size), batch_size=batch_size,
                        num_workers=2, collate_fn=list)  # fmt: skip

    first = loader()
    batches = iter(first)
    for _ in range(len(first)):
        next(batches)
    states = [first.state_dict()]
    assert not list(batches)
    states.append(first.state_dict())  # of a finished epoch: the next one is whole
    for state, left in zip(states, (0, 20), strict=True):
        again = loader()
        again.load_state_dict(state)
        assert [sum(map(len, again)), sum(map(len, again))] == [left, 20]


@pytest.mark.filterwarnings("ignore:.*has changed since")
def test_what_is_left_out_is_counted_once_by_the_reading_that_missed_it(deployed: Any) -> None:
    nodes, folder = deployed
    view = view_of("counted", dataset="p/changing")
    (folder / "changing" / "2.png").write_bytes(b"another")
    with view.open(hd.NodeClient(nodes["changing"])) as opened:
        by_index, stream = opened.dataset(frames=True), opened.dataset(frames=True, iterable=True)
        begun = iter(stream)
        next(begun)
        by_index.__getitems__(range(6))
        assert (by_index.delivered, by_index.mismatched) == (5, 1)
        assert len(list(begun)) == 4
        assert (stream.delivered, stream.mismatched) == (5, 1)
        alone = opened.dataset(frames=True)
        gone = ({*range(6)} - {frame.position for frame in by_index.__getitems__(range(6))}).pop()
        with pytest.raises(SourceUnreadable, match=f"the frame at {gone} does not come.* has changed"):
            alone.__getitems__([gone])
        assert (alone.delivered, alone.mismatched) == (0, 1)


def test_objects_are_those_of_the_source_that_is_read(deployed: Any, tmp_path: Path) -> None:
    mask = np.zeros((10, 20, 3), np.uint8)
    mask[2:4, 3:6] = (1, 2, 3)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    group = hd.FrameGroup()
    for name, size in (("front", (40, 30)), ("rear", (20, 10))):
        Image.new("L", size).save(tmp_path / f"{name}.png")
        frame = hd.SingleFrame(tmp_path / f"{name}.png")
        frame.add_annotation(labels=name, box2d_xywh=(1, 1, 5, 5))
        group[name] = frame
    group["rear"].masks_source = [str(tmp_path / "mask.png")]
    group["rear"].add_annotation(labels="masked", mask_rgb=(1, 2, 3))
    dataset = hd.DatasetVersion.create_new_dataset("groups", dataset_project="p")
    assert not dataset.add_frames([group])
    hd.DatasetVersion.create_snapshot("p/groups", publish_name="v1")
    view = view_of("groups", dataset="p/groups")
    _, front = view.dataset(target="detection")[0]
    assert (front["labels"].tolist(), "masks" in front) == ([1], False)
    _, rear = view.dataset(target="detection", source="rear")[0]
    assert (rear["labels"].tolist(), tuple(rear["masks"].shape)) == ([3, 2], (2, 10, 20))
    Image.fromarray(mask[:5]).save(tmp_path / "mask.png")
    with pytest.raises(SourceUnreadable, match="its mask has 20 x 5 pixels, its picture 20 x 10"):
        view.dataset(target="detection", source="rear")[0]
