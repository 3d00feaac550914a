"""What a folder has besides files: links, pipes, things that vanish; archives that are not what they were."""

from __future__ import annotations

import io
import os
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hyperdatasets.client.importing import import_frames, measure
from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument
from hyperdatasets.formats.archives import unpacked
from hyperdatasets.formats.folder import Folder, Unreadable
from hyperdatasets.formats.intake import Intake, Options
from hyperdatasets.formats.ledger import Ledger

PGM = b"P5 1 1 255\n\0"


def imported(folder: Path) -> Ledger:
    with pytest.warns() as _:
        return import_frames(folder, dataset_name="x", dry_run=True)


def noted(ledger: Ledger) -> set[tuple[str, str, str, str]]:
    return {(note.weight, note.kind, note.place, note.reason) for note in ledger.notes}


def test_links_that_lead_nowhere_are_named_and_the_rest_comes_in(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(PGM)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "one.pgm").symlink_to("two.pgm")
    (tmp_path / "two.pgm").symlink_to("one.pgm")
    (tmp_path / "gone.json").symlink_to("nothing")
    folder = Folder(tmp_path)
    assert folder.files == ["a.pgm"]
    assert sorted(folder.broken) == ["gone.json", "loop", "one.pgm", "two.pgm"]
    ledger = imported(tmp_path)
    assert ledger.kept["frames"] == 1
    assert noted(ledger) == {
        ("lost", "other files", "loop", "links that lead nowhere"),
        ("lost", "frames", "one.pgm", "links that lead nowhere"),
        ("lost", "frames", "two.pgm", "links that lead nowhere"),
        ("lost", "annotation files", "gone.json", "links that lead nowhere"),
    }


def test_a_folder_that_vanishes_during_the_scan_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pgm").write_bytes(PGM)
    (tmp_path / "sub").mkdir()
    scan = os.scandir

    def gone(path: str) -> object:
        if Path(path).name == "sub":
            raise FileNotFoundError(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", gone)
    folder = Folder(tmp_path)
    assert (folder.files, folder.closed) == (["a.pgm"], ["sub"])


def test_links_out_of_the_folder_are_read_and_named_those_inside_are_not(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "data-other"
    (data / "store").mkdir(parents=True)
    other.mkdir()
    (data / "store" / "a.pgm").write_bytes(PGM)
    (other / "b.pgm").write_bytes(PGM)
    (data / "inside.pgm").symlink_to(data / "store" / "a.pgm")
    (data / "relative.pgm").symlink_to("store/../store/a.pgm")
    (data / "outside.pgm").symlink_to(other / "b.pgm")
    (data / "chained.pgm").symlink_to("outside.pgm")
    (tmp_path / "way").symlink_to(data)
    for top in (data, tmp_path / "way"):
        folder = Folder(top)
        assert len(folder.files) == 5
        assert sorted(folder.outward) == ["chained.pgm", "outside.pgm"]
    ledger = imported(data)
    assert ledger.kept["frames"] == 5
    assert {
        ("noticed", "frames", name, "links that lead out of the folder, and are followed")
        for name in ("chained.pgm", "outside.pgm")
    } <= noted(ledger)
    assert Folder(data, lambda path: (data / path).open("rb")).outward == []


def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.pgm").write_bytes(PGM)
    for name in ("a.pgm", "a.json", "classes.txt"):
        os.mkfifo(name)
    (tmp_path / "device.pgm").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.pgm")
        folder = Folder(tmp_path)
        for name in ("a.pgm", "s.pgm", "device.pgm"):
            assert measure(folder, name) == "it cannot be read: it is no regular file"
        assert folder.head("a.pgm") == b""
        with pytest.raises(Unreadable, match="no regular file"):
            folder.read("a.json")
        ledger = imported(tmp_path)
    assert ledger.kept["frames"] == 1
    assert {note.place for note in ledger.losses()} == {"a.pgm", "s.pgm", "device.pgm", "a.json", "classes.txt"}


def zipped(path: Path, *files: tuple[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            member = zipfile.ZipInfo(name)
            member.external_attr = mode << 16
            archive.writestr(member, content)
    return path


def tarred(path: Path, *files: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("made", [zipped, tarred])
def test_a_changed_archive_of_the_same_names_and_sizes_is_not_taken_for_its_old_folder(
    tmp_path: Path, made: Callable[..., Path]
) -> None:
    archive = made(tmp_path / ("a.zip" if made is zipped else "a.tar"), ("x", b"1"), ("sub/y", b"22"))
    assert unpacked(archive) == unpacked(archive)
    made(archive, ("x", b"1"), ("sub/y", b"23"))
    with pytest.raises(FailedPrecondition, match="`sub/y` in it is not that of"):
        unpacked(archive)
    made(archive, ("x", b"1"))
    with pytest.raises(FailedPrecondition, match="`sub/y` in it is not that of"):
        unpacked(archive)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_in_a_zip_file_are_refused(tmp_path: Path, kind: int) -> None:
    with pytest.raises(InvalidArgument, match=r"`x\.png` is a link or a device"):
        unpacked(zipped(tmp_path / "a.zip", ("x.png", b"/etc/passwd"), mode=kind | 0o777))
    assert unpacked(zipped(tmp_path / "b.zip", ("x.png", b"x"), mode=stat.S_IFREG | 0o644)).is_dir()


def test_links_in_a_tar_file_are_refused_with_its_name(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        link = tarfile.TarInfo("x")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(InvalidArgument, match=r"t\.tar: `x` is a link"):
        unpacked(tmp_path / "t.tar")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("made", [zipped, tarred])
def test_names_that_are_twice_in_an_archive_are_told(tmp_path: Path, made: Callable[..., Path]) -> None:
    archive = made(tmp_path / ("a.zip" if made is zipped else "a.tar"), ("x/y", b"1"), ("x/./y", b"2"))
    with pytest.raises(InvalidArgument, match="`x/y` is in it more than once; unpack it yourself"):
        unpacked(archive)
    assert [path.name for path in tmp_path.iterdir()] == [archive.name]


@pytest.mark.parametrize("name", ["x.7z", "x.rar", "x.json.gz", "x.zst"])
def test_archives_of_other_kinds_are_to_be_unpacked_by_the_user(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InvalidArgument, match="unpack it yourself"):
        import_frames(tmp_path / name, dataset_name="x", dry_run=True)


@pytest.mark.parametrize("labels", ["cat", "."])
def test_archives_in_a_folder_are_named(tmp_path: Path, labels: str) -> None:
    for name in (f"{labels}/a.pgm", "dog/b.pgm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PGM)
    packed = {"more.zip", "b.7z", "c.rar", "d.bin.zst", "e.bz2", "f.tar.gz"}
    for name in (*packed, "instances.json.gz", "rows.csv.bz2"):
        (tmp_path / name).write_bytes(b"x")
    found = noted(imported(tmp_path))
    reason = "archives and compressed files, not unpacked"
    assert {each[2] for each in found if each[0] == "noticed" and each[3] == reason} == packed
    lost = {each[1:] for each in found if each[0] == "lost"}
    compressed = "compressed annotation files, not read; unpack them"
    assert lost == {("annotation files", name, compressed) for name in ("instances.json.gz", "rows.csv.bz2")}


def test_a_volume_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.nii.gz").write_bytes(b"x")
    (tmp_path / "y.gz").write_bytes(b"x")
    intake = Intake(Folder(tmp_path), Options())
    assert {note.place for note in intake.ledger.notes} == {"y.gz"}
