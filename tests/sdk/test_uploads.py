"""Files of frames at a storage: put there once, found again, and removed with the dataset; nothing else is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from hyperdatasets import Dataset, DatasetVersion, DataView, FrameGroup, SingleFrame, testing
from hyperdatasets.cli.main import run
from hyperdatasets.client import admin, storage
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.errors import (
    DestinationFailed,
    InUse,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    RawDataBelongsToSite,
    SourceUnreadable,
    Unimplemented,
)
from hyperdatasets.v1 import dataset_service_pb2 as pb

MEMORY = "memory://bucket/pets"


@pytest.fixture(autouse=True)
def deployment(tmp_path: Path) -> Iterator[testing.Deployment]:
    with testing.deployment(tmp_path / "deployment") as running:
        yield running
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for name, content in {
        "cats/ä 1.jpg": b"cat",
        "cats/2.jpg": b"another",
        "mask.png": b"mask",
        "dog.jpg": b"d",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def version(name: str = "pets") -> DatasetVersion:
    return DatasetVersion.create_new_dataset(name)


def stored() -> dict[str, bytes]:
    return {
        name.removeprefix("/bucket/pets/"): file.getvalue() for name, file in fsspec.filesystem("memory").store.items()
    }


def test_files_keep_their_paths_below_the_root_and_frames_name_them(pictures: Path) -> None:
    frame = SingleFrame(
        str(pictures / "cats" / "ä 1.jpg"), id="one", preview_uri=(pictures / "mask.png").as_uri(),
        mask_source=str(pictures / "mask.png"),
    )  # fmt: skip
    group = FrameGroup(id="two")
    group["a"] = SingleFrame(str(pictures / "cats/2.jpg"))
    group["b"] = SingleFrame("https://example.org/far.jpg")
    draft = version()
    result = draft.add_frames(
        [frame, group], auto_upload_destination=MEMORY, local_dataset_root_path=pictures, progress=True
    )
    assert (result, result.added) == ([], 2)
    assert stored() == {"cats/ä 1.jpg": b"cat", "cats/2.jpg": b"another", "mask.png": b"mask"}
    kept = draft.get_frame("one").plain["sources"][0]
    assert (kept["uri"], kept["preview"]) == (f"{MEMORY}/cats/ä 1.jpg", f"{MEMORY}/mask.png")
    assert kept["masks"][0]["uri"] == f"{MEMORY}/mask.png"
    assert [each["uri"] for each in draft.get_frame("two").plain["sources"]] == [
        f"{MEMORY}/cats/2.jpg", "https://example.org/far.jpg",
    ]  # fmt: skip
    assert frame.source == str(pictures / "cats" / "ä 1.jpg")


def test_a_folder_is_a_destination_and_frames_are_opened_from_it(pictures: Path, tmp_path: Path) -> None:
    draft = version()
    frames = [SingleFrame(str(path)) for path in sorted(pictures.glob("cats/*"))]
    assert (
        draft.add_frames(frames, auto_upload_destination=str(tmp_path / "store"), local_dataset_root_path=pictures)
        == []
    )
    assert (tmp_path / "store" / "cats" / "ä 1.jpg").read_bytes() == b"cat"
    again = [draft.get_frame(each.id) for each in draft.frames()]
    assert draft.add_frames(again, auto_upload_destination=str(tmp_path / "store")).unchanged == 2
    draft.publish_version("v1")
    view = DataView("all")
    view.add_query(dataset_name="pets", version_name="v1")
    assert sorted(frame.content() for frame in view.open()) == [b"another", b"cat"]


def test_without_a_root_names_do_not_collide(pictures: Path) -> None:
    (pictures / "2.jpg").write_bytes(b"the same name")
    draft = version()
    frames = [SingleFrame(str(pictures / name)) for name in ("cats/2.jpg", "2.jpg")]
    assert draft.add_frames(frames, auto_upload_destination=MEMORY).added == 2
    assert sorted(stored().values()) == [b"another", b"the same name"]
    assert all(str(pictures) not in name for name in stored())


def test_what_is_there_unchanged_is_not_put_twice(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[str] = []
    kept = MemoryFileSystem.put_file

    def counted(files: MemoryFileSystem, local: str, path: str) -> None:
        put.append(Path(local).name)
        kept(files, local, path)

    monkeypatch.setattr(MemoryFileSystem, "put_file", counted)
    draft = version()

    def add() -> tuple[int, int, int]:
        frames = [SingleFrame(str(path)) for path in sorted(pictures.glob("cats/*"))]
        result = draft.add_frames(frames, auto_upload_destination=MEMORY, local_dataset_root_path=pictures)
        return result.added, result.updated, result.unchanged

    assert add() == (2, 0, 0)
    assert add() == (0, 0, 2)
    assert sorted(put) == ["2.jpg", "ä 1.jpg"]


def test_a_changed_file_is_put_beside_what_published_versions_name(pictures: Path) -> None:
    draft = version()
    options = {"auto_upload_destination": MEMORY, "local_dataset_root_path": pictures}
    draft.add_frames([SingleFrame(str(pictures / "dog.jpg"), id="dog")], **options)
    DatasetVersion.create_snapshot("pets", publish_name="v1")
    (pictures / "dog.jpg").write_bytes(b"another dog")
    draft = DatasetVersion.get_current("pets")
    for _ in range(2):
        draft.add_frames([SingleFrame(str(pictures / "dog.jpg"), id="dog")], **options)
    old = DatasetVersion.get_version(dataset_name="pets", version_name="v1").get_frame("dog")
    assert (storage.read(old.source, 99), storage.read(draft.get_frame("dog").source, 99)) == (b"d", b"another dog")
    assert len(stored()) == 2


def test_an_interrupted_upload_goes_on(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = MemoryFileSystem.put_file

    def cut(files: MemoryFileSystem, local: str, path: str) -> None:
        if Path(local).name == "2.jpg":
            files.pipe(path, b"ano")
            raise KeyboardInterrupt
        kept(files, local, path)

    draft = version()
    frames = [SingleFrame(str(path)) for path in sorted(pictures.glob("*/*"))]
    monkeypatch.setattr(MemoryFileSystem, "put_file", cut)
    with pytest.raises(KeyboardInterrupt):
        draft.add_frames(frames, auto_upload_destination=MEMORY, local_dataset_root_path=pictures)
    monkeypatch.setattr(MemoryFileSystem, "put_file", kept)
    assert draft.add_frames(frames, auto_upload_destination=MEMORY, local_dataset_root_path=pictures).added == 2
    assert stored() == {"cats/ä 1.jpg": b"cat", "cats/2.jpg": b"another"}
    Dataset.delete("pets", delete_sources=True)
    assert stored() == {}


def test_a_file_that_is_put_is_tried_again(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, tries = MemoryFileSystem.put_file, []

    def shaky(files: MemoryFileSystem, local: str, path: str) -> None:
        tries.append(path)
        if len(tries) < 3:
            raise ConnectionError("the line is bad")
        kept(files, local, path)

    monkeypatch.setattr(MemoryFileSystem, "put_file", shaky)
    frames = [SingleFrame(str(pictures / "dog.jpg"))]
    draft = version()
    with pytest.raises(DestinationFailed, match="the line is bad"):
        draft.add_frames(frames, auto_upload_destination=MEMORY, upload_retries=0)
    assert draft.add_frames(frames, auto_upload_destination=MEMORY, upload_retries=1).added == 1


def test_files_that_cannot_be_read_fail_alone(pictures: Path, tmp_path: Path) -> None:
    frames = [
        SingleFrame(str(pictures / "missing.jpg"), id="missing"), SingleFrame(str(pictures / "dog.jpg"), id="dog"),
        SingleFrame(str(tmp_path / "outside.jpg"), id="outside"), SingleFrame(str(pictures / "dog.jpg"), site="north"),
        SingleFrame(str(pictures / "mask.png"), id="bad", width=-1),
    ]  # fmt: skip
    (tmp_path / "outside.jpg").write_bytes(b"x")
    frames[1].set_vector("clip", [1.0, 2.0])
    draft = version()
    result = draft.add_frames(frames, auto_upload_destination=MEMORY, local_dataset_root_path=pictures)
    assert [(each.index, each.reason) for each in result] == [
        (0, "SOURCE_UNREADABLE"), (2, "SOURCE_UNREADABLE"), (3, "RAW_DATA_BELONGS_TO_SITE"), (4, "INVALID_FRAME"),
    ]  # fmt: skip
    assert "outside of local_dataset_root_path" in result[1].message
    assert draft.get_vectors("clip", ["dog"]) == {"dog": [1.0, 2.0]}
    assert set(stored()) == {"dog.jpg", "mask.png"}


def test_deleting_sources_removes_what_was_put_there_and_only_that(pictures: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe(f"{MEMORY}/mine.txt", b"not theirs")
    memory.pipe(f"{MEMORY}/dog.jpg", b"d")  # the same file was there before: it is used, and stays
    memory.pipe(f"{MEMORY}/mask.png", b"something else")
    draft = version()
    frames = [SingleFrame(str(path)) for path in sorted(pictures.rglob("*.*"))]
    assert draft.add_frames(frames, auto_upload_destination=MEMORY, local_dataset_root_path=pictures).added == 4
    assert len(stored()) == 6
    memory.pipe(f"{MEMORY}/cats/2.jpg", b"replaced since")
    Dataset.delete("pets", delete_sources=True, show_progress=False)
    assert stored() == {
        "mine.txt": b"not theirs", "dog.jpg": b"d", "mask.png": b"something else", "cats/2.jpg": b"replaced since",
    }  # fmt: skip
    with pytest.raises(NotFound):
        Dataset.get("pets")


def test_files_that_two_datasets_use_stay_as_long_as_one_does(pictures: Path) -> None:
    for name in ("pets", "animals"):
        version(name).add_frames([SingleFrame(str(pictures / "dog.jpg"))], auto_upload_destination=MEMORY)
    Dataset.delete("pets", delete_sources=True)
    assert list(stored().values()) == [b"d"]


def test_nothing_is_removed_when_the_dataset_stays(pictures: Path) -> None:
    draft = version()
    draft.add_frames([SingleFrame(str(pictures / "dog.jpg"))], auto_upload_destination=MEMORY)
    draft.publish_version("v1")
    view = DataView("all")
    view.add_query(dataset_name="pets", version_name="v1")
    view.publish()
    with pytest.raises(InUse, match="view names version"):
        Dataset.delete("pets", force=True, delete_sources=True)
    assert list(stored().values()) == [b"d"]


def test_the_files_of_a_site_stay(deployment: testing.Deployment, pictures: Path) -> None:
    (pictures / "note.txt").write_bytes(b"a text")
    deployment.add_site("north", {"pictures": pictures}).register("pictures", dataset="scans", format="files")
    with pytest.raises(RawDataBelongsToSite, match="`north`"):
        Dataset.delete("scans", force=True, delete_sources=True)
    assert DatasetVersion.get_current("scans").site_counts() == {"north": 1}
    assert (pictures / "dog.jpg").read_bytes() == b"d"


def test_only_who_put_a_file_removes_it(deployment: testing.Deployment, pictures: Path) -> None:
    admin.add_user("ann", roles={"": "editor"}, client=deployment.client)
    ann = MetadataClient(replace(deployment.client.config, token=admin.create_token("ann", client=deployment.client)))
    draft = DatasetVersion.create_new_dataset("pets", client=ann)
    draft.add_frames([SingleFrame(str(pictures / "dog.jpg"))], auto_upload_destination=MEMORY)
    with pytest.raises(PermissionDenied, match="ann put files"):
        Dataset.delete("pets", delete_sources=True)
    (uri,) = [f"memory://{name}" for name in fsspec.filesystem("memory").store]
    other = pb.Upload(uri=f"memory:/{uri.removeprefix('memory://')}", size_bytes=1, digest="sha256:" + "0" * 64)
    with pytest.raises(PermissionDenied, match="put there by `ann`"):
        deployment.client.send(pb.RecordUploadsRequest(dataset="pets", uploads=[other]))
    Dataset.delete("pets", delete_sources=True, client=ann)
    assert stored() == {}
    ann.close()


@pytest.mark.parametrize("upload", [
    pb.Upload(uri="", digest="sha256:" + "0" * 64), pb.Upload(uri="s3://a", digest="md5:0"),
    pb.Upload(uri="s3://a", size_bytes=-1, digest="sha256:" + "0" * 64), pb.Upload(uri="s" * 9999, digest=""),
])  # fmt: skip
def test_uploads_that_are_not_recorded(deployment: testing.Deployment, upload: pb.Upload) -> None:
    version()
    with pytest.raises(InvalidArgument, match="expected"):
        deployment.client.send(pb.RecordUploadsRequest(dataset="pets", uploads=[upload]))
    with pytest.raises(InvalidArgument, match="at most 1000"):
        deployment.client.send(pb.RecordUploadsRequest(dataset="pets", uploads=[upload] * 1001))


@pytest.mark.parametrize(("destination", "error", "words"), [
    ("ftp://host/x", InvalidArgument, "expected a folder, or a URL"),
    ("simplecache::memory://x", InvalidArgument, "expected a folder"),
    ("gs://bucket/x", Unimplemented, "one more package"),
    ("/proc/here", DestinationFailed, "/proc/here"),
])  # fmt: skip
def test_destinations_that_are_none(pictures: Path, destination: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        version().add_frames(
            [SingleFrame(str(pictures / "dog.jpg"))], auto_upload_destination=destination, upload_retries=0
        )


def test_a_root_without_a_destination(pictures: Path) -> None:
    with pytest.raises(InvalidArgument, match="give both"):
        version().add_frames([], local_dataset_root_path=pictures)


def test_what_the_extra_is_for_is_said(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "fsspec", None)
    with pytest.raises(Unimplemented, match=r"hyperdatasets\[uploads\]"):
        version().add_frames([SingleFrame(str(pictures / "dog.jpg"))], auto_upload_destination=MEMORY)


def test_uris_of_storages_are_read_and_no_others(own_temporary_folder: Path) -> None:
    fsspec.filesystem("memory").pipe("memory://a/b", b"text")
    assert SingleFrame("memory://a/b").get_local_source()
    for uri in ("memory://a/missing", "ssh://host/x", "simplecache::memory://a/b"):
        with pytest.raises(SourceUnreadable):
            SingleFrame(uri).get_local_source()
    assert len([each for each in own_temporary_folder.rglob("*") if each.is_file()]) == 1, "failed reads leave nothing"


def test_the_page_about_uploads_runs(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "uploads.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(pictures.parent)
    exec(example, {})
    assert capsys.readouterr().out == "WriteResult(3 added, 0 updated, 0 unchanged, 0 failed) 3\n"
    assert sorted(path.name for path in Path("store/pets").rglob("*.jpg")) == ["2.jpg", "dog.jpg", "ä 1.jpg"]
    assert run(["dataset", "delete", "pets", "--delete-sources"]) == 0
    assert list(Path("store/pets").rglob("*.jpg")) == []
