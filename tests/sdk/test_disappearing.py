"""What an import says of frames that it did not read, and what `prune` removes: never what may still be there."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client.importing import import_frames
from hyperdatasets.formats.intake import DISAPPEARED, DOCUMENT_PRUNED, NOT_PRUNED, PRUNED, WITHOUT_DOCUMENT
from hyperdatasets.formats.ledger import Ledger

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
GONE = {DISAPPEARED, PRUNED, WITHOUT_DOCUMENT, DOCUMENT_PRUNED}


@pytest.fixture(autouse=True)
def _service(tmp_path: Path) -> Any:
    with testing.deployment(tmp_path / "deployment") as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("a.png", "b.png", "c d.png"):
        Image.new("RGB", (100, 80)).save(data / name)
    return data


def bring(path: Path, **more: Any) -> Ledger:
    return import_frames(path, dataset_name="cells", dataset_project="lab", **more)


def draft() -> hd.DatasetVersion:
    return hd.DatasetVersion.get_current("lab/cells")


def uris() -> list[str]:
    """The last parts of the URIs in the draft."""
    return sorted(frame.to_plain()["sources"][0]["uri"].rpartition("/")[2] for frame in draft().frames())


def ids() -> set[str]:
    return {frame.id for frame in draft().frames()}


def gone(ledger: Ledger) -> dict[str, str]:
    """Last part of the place -> reason."""
    return {note.place.rpartition("/")[2]: note.reason for note in ledger.notes if note.reason in GONE}


def text(*names: str) -> str:
    return "".join(f"-DOCSTART- O\n\n{name} B-PER\nruns O\n\n" for name in names)


@pytest.mark.parametrize("prune", [False, True])
def test_a_single_file_says_nothing_of_other_files_of_its_folder(folder: Path, *, prune: bool) -> None:
    bring(folder, format="files")
    (folder / "frames.jsonl").write_text(json.dumps({"id": "w", "sources": [{"uri": "https://x.example/w.png"}]}))
    (folder / "a.conll").write_text(text("Ada"))
    (folder / "b.png").unlink()
    for name in ("frames.jsonl", "a.conll"):
        ledger = bring(folder / name, prune=prune)
        assert not gone(ledger)
        assert (NOT_PRUNED in ledger.about) == (prune and name == "frames.jsonl")
    assert len(ids()) == 5


def test_whole_frames_make_no_others_disappear(folder: Path) -> None:
    source = folder.parent / "frames"
    source.mkdir()
    for name in ("one", "two"):
        line = {"id": name, "sources": [{"uri": f"https://x.example/data/{name}.png"}]}
        (source / "frames.jsonl").write_text(json.dumps(line) + "\n")
        ledger = bring(source, uri_prefix="https://x.example/data", prune=True)
        assert not gone(ledger)
        assert NOT_PRUNED in ledger.about
    assert ids() == {"one", "two"}


def test_a_frame_is_there_as_long_as_one_of_its_files_may_be(folder: Path) -> None:
    bring(folder, format="files")
    base = f"file://{folder}"
    away = "https://x.example/l.png"
    sources = {
        "elsewhere first": [away, f"{base}/no.png"],
        "elsewhere last": [f"{base}/no.png", away],
        "second is here": [f"{base}/no.png", f"{base}/b.png"],
        "upwards": [f"{base}/../no.png"],
        "asked": [f"{base}/a.png?v=2"],
        "both gone": [f"{base}/no.png", f"{base}/n%20o.png"],
    }
    draft().write([
        {"id": name, "sources": [{"id": str(place), "uri": uri} for place, uri in enumerate(listed)]}
        for name, listed in sources.items()
    ])  # fmt: skip
    ledger = bring(folder, format="files", prune=True)
    assert [note.detail for note in ledger.notes if note.reason == PRUNED] == ["both gone"]
    assert ledger.frames["pruned"] == 1
    assert len(ids()) == 8


def test_documents_that_an_edited_file_has_no_more_are_named_and_pruned(folder: Path) -> None:
    file = folder / "texts" / "a.conll"
    file.parent.mkdir()
    file.write_text(text("Ada", "Bob"))
    bring(file.parent)
    before = ids()
    file.write_text(text("Adalbert", "Bob"))
    ledger = bring(file.parent)
    assert set(gone(ledger).values()) == {WITHOUT_DOCUMENT}
    assert len(ids()) == 4
    ledger = bring(file, prune=True)
    assert set(gone(ledger).values()) == {DOCUMENT_PRUNED}
    assert ledger.frames["pruned"] == 2
    assert len(ids()) == 2
    assert not ids() & before


def test_a_file_of_one_document_that_has_two_now_is_not_there_three_times(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    file = tmp_path / "texts" / "a.conll"
    for names, count in ((["Ada"], 1), (["Ada", "Bob"], 2), (["Bob"], 1)):
        file.write_text(text(*names))
        bring(file.parent, prune=True)
        assert len(ids()) == count
    draft().write([{"id": "mine", "sources": [{"uri": f"file://{file}"}]}])
    file.write_text(text("Ada", "Bob"))
    bring(file.parent, prune=True)
    assert "mine" in ids()
    assert len(ids()) == 3


@pytest.mark.parametrize("how", ["empty", "other encoding", "another format"])
def test_documents_of_a_file_that_was_not_taken_apart_stay(tmp_path: Path, how: str) -> None:
    (tmp_path / "texts").mkdir()
    file = tmp_path / "texts" / "a.conll"
    file.write_text(text("Ada", "Bob"))
    bring(file.parent)
    if how == "empty":
        file.write_text("")
    elif how == "other encoding":
        file.write_bytes(text("Ada").encode() + b"\xff\xff")
    ledger = bring(file.parent, format="files" if how == "another format" else "conll", prune=True)
    assert not gone(ledger)
    assert len([uri for uri in uris() if "#" in uri]) == 2


def test_an_archive_that_was_unpacked_is_a_folder(folder: Path) -> None:
    with zipfile.ZipFile(folder.parent / "cells.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    bring(folder.parent / "cells.zip", format="files")
    (folder.parent / "cells/c d.png").unlink()
    ledger = bring(folder.parent / "cells", format="files", prune=True)
    assert gone(ledger) == {"c%20d.png": PRUNED}
