"""Files by the names that annotation files give them; archives as folders."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument
from hyperdatasets.formats.archives import is_archive, unpacked
from hyperdatasets.formats.folder import Folder, Unreadable, decoded, is_role, split_of, stem, suffix
from hyperdatasets.formats.lookup import Lookup


@pytest.mark.parametrize(
    ("name", "beside", "split", "found"),
    [
        ("a.jpg", "train", "", ["train/a.jpg"]),
        ("a.jpg", "annotations", "train", ["train/a.jpg"]),
        ("a.jpg", "annotations", "val", ["images/val2017/a.jpg"]),
        ("a.jpg", "annotations", "", ["a.jpg"]),
        ("b.jpg", "", "", ["x/b.jpg", "y/b.jpg"]),
        ("x/b.jpg", "", "", ["x/b.jpg"]),
        ("C:\\data\\x\\b.jpg", "", "", ["x/b.jpg"]),
        ("/abs/y/b.jpg", "", "", ["y/b.jpg"]),
        ("../x/b.jpg", "annotations", "", ["x/b.jpg"]),
        ("./x/b.jpg", "", "", ["x/b.jpg"]),
        ("nothing.jpg", "", "", []),
    ],
)
def test_names_are_looked_up_near_first(name: str, beside: str, split: str, found: list[str]) -> None:
    lookup = Lookup(["a.jpg", "train/a.jpg", "images/val2017/a.jpg", "x/b.jpg", "y/b.jpg"])
    assert lookup.find(name, beside=beside, split=split) == found


def test_names_that_are_alike_are_found_apart_from_others() -> None:
    lookup = Lookup(["x/A\u0308.jpg", "x/b c.jpg", "y/B%20C.jpg", "d.jpg"])
    assert lookup.find("\u00c4.jpg") == []
    assert lookup.alike("\u00e4.JPG") == ["x/A\u0308.jpg"]
    assert lookup.alike("b%20c.jpg") == ["x/b c.jpg", "y/B%20C.jpg"]
    assert lookup.alike("C:\\data\\D.jpg") == ["d.jpg"]
    assert lookup.alike("e.jpg") == []


def test_names_of_folders_that_are_roles_or_splits() -> None:
    assert all(map(is_role, ["Images", "labels", "train2017", "val", "JPEGImages", "Annotations", "test_1"]))
    assert not any(map(is_role, ["cat", "trainer", "2017", "image of a cat"]))
    assert split_of("data/Train2017/x/a.png") == "train"
    assert split_of("valid/a.png") == "val"
    assert split_of("a.png") == ""
    assert (suffix("a/B.NII.GZ"), stem("a/B.NII.GZ"), suffix(".hidden")) == (".nii.gz", "B", "")


def test_a_folder_lists_files_junk_and_links_apart(tmp_path: Path) -> None:
    for name in ("a.png", "sub/b.png", "Thumbs.db", "sub/desktop.ini", ".git/x", "__MACOSX/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    folder = Folder(tmp_path)
    assert folder.files == ["a.png", "sub/b.png"]
    assert sorted(folder.junk) == [".git", "Thumbs.db", "__MACOSX", "sub/desktop.ini"]
    assert folder.links == ["link"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every folder")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert Folder(tmp_path).closed == ["closed"]


def test_text_is_utf_8_or_says_so() -> None:
    assert decoded(b"\xef\xbb\xbfa\r\nb\rc") == "a\nb\nc"
    assert decoded("é\n".encode("utf-16")) == "é\n"
    with pytest.raises(Unreadable, match="not UTF-8"):
        decoded(b"\xe9")


def _zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _tarred(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_archives_are_unpacked_beside_themselves_once(tmp_path: Path) -> None:
    files = {"cat/1.png": b"one", "dog/2.png": b"two"}
    for archive in (_zipped(tmp_path / "z.zip", files), _tarred(tmp_path / "t.tar.gz", files)):
        assert is_archive(archive)
        folder = unpacked(archive)
        assert folder.name in {"z", "t"}
        assert {path: (folder / path).read_bytes() for path in Folder(folder).files} == files
        before = (folder / "cat/1.png").stat().st_mtime_ns
        assert unpacked(archive) == folder
        assert (folder / "cat/1.png").stat().st_mtime_ns == before
        (folder / "cat/1.png").write_bytes(b"other")
        with pytest.raises(FailedPrecondition, match="is not that of"):
            unpacked(archive)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "..\\x"])
def test_names_that_lead_out_of_an_archive_are_refused(tmp_path: Path, name: str) -> None:
    for archive in (_zipped(tmp_path / "z.zip", {name: b"x"}), _tarred(tmp_path / "t.tar", {name: b"x"}, "w")):
        with pytest.raises(InvalidArgument, match="lead out"):
            unpacked(archive)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.tar", "z.zip"]


def test_damaged_archives_leave_nothing(tmp_path: Path) -> None:
    whole = _zipped(tmp_path / "z.zip", {"a": b"x" * 9_000})
    content = whole.read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    (tmp_path / "bad.zip").write_bytes(content.replace(b"x" * 9, b"y" * 9, 1))
    (tmp_path / "cut.tar.gz").write_bytes(_tarred(tmp_path / "t.tgz", {"a": os.urandom(9_000)}).read_bytes()[:5_000])
    for name in ("cut.zip", "bad.zip", "cut.tar.gz"):
        with pytest.raises(InvalidArgument):
            unpacked(tmp_path / name)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_links_in_archives_are_not_unpacked(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        link = tarfile.TarInfo("passwords")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(InvalidArgument, match="a link or a device"):
        unpacked(tmp_path / "t.tar")
