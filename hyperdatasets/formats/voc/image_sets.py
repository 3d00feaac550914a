"""Splits of Pascal VOC: lists of pictures in `ImageSets/Main` and its neighbours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Unreadable, is_role, name_of, parent, split_of, stem, suffix
from hyperdatasets.formats.ledger import listed
from hyperdatasets.formats.nearness import nearest
from hyperdatasets.formats.reading import Reading
from hyperdatasets.formats.splits import ListedSplits
from hyperdatasets.formats.suffixes import DOCUMENTS, PICTURES

ABSENT = "lines of a list of pictures that are not there"
AMBIGUOUS = "lines of a list that may mean several pictures"
CLASS_LIST = "lists of the pictures of one class; the objects of the pictures say the same"
ELSEWHERE = "lists of splits that lie in `ImageSets` itself, not read; move them into `ImageSets/Main`"
TRAINVAL = "trainval"
_NOT_TRAINVAL = frozenset({"", "test", "unlabeled"})
_TASKS = ("main", "segmentation", "layout", "action")
_OF_CLASS = re.compile(r".+_(train|val|trainval|test)", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", re.ASCII)


class ImageSets:
    """The splits of pictures.

    Attributes:
        lists: paths of the lists that were read.
    """

    def __init__(self, reading: Reading, pictures: Sequence[str]) -> None:
        self._reading, self._listed = reading, ListedSplits()
        self._unions: dict[str, str] = {}
        self._pictures = _Pictures(pictures)
        self.lists = [path for path in reading.folder.with_suffix(".txt") if _task(path)]
        for path in sorted(self.lists, key=lambda path: (_TASKS.index(_task(path)), path)):
            self._read(path)
        self._tell_elsewhere()

    def has(self, picture: str) -> bool:
        """Whether a list gives a picture its split."""
        return picture in self._listed

    def give(self, entry: Entry) -> None:
        """Says the splits of a picture by its lists."""
        self._listed.give(entry)

    def give_folder(self, entry: Entry) -> None:
        """Says the split of a picture by its folder. `trainval` is a further split only beside those it cannot hold."""
        entry.add_split(split_of(entry.path))
        if entry.path in self._unions and entry.split in _NOT_TRAINVAL:
            entry.add_split(TRAINVAL, self._unions[entry.path])

    def _tell_elsewhere(self) -> None:
        """Lists that may give pictures their splits, but lie where no list is looked for."""
        for path in self._reading.folder.with_suffix(".txt"):
            inside = name_of(parent(path)).lower() == "imagesets" and stem(path).lower() not in DOCUMENTS
            if inside and path not in self._reading.unread:
                self._reading.used.add(path)
                self._reading.ledger.lose("annotation files", path, ELSEWHERE)

    def _read(self, path: str) -> None:
        self._reading.used.add(path)
        try:
            lines = [line.strip() for line in self._reading.folder.text(path).split("\n")]
        except Unreadable as error:
            self._reading.ledger.unreadable(path, "lists of pictures that cannot be read", str(error))
            return
        if self._is_of_class(path, [line for line in lines if line]):
            self._reading.ledger.skip("other files", path, CLASS_LIST)
            return
        missing = [line for number, line in enumerate(lines, start=1) if line and not self._take(path, number, line)]
        if missing:
            self._reading.ledger.lose("splits", path, ABSENT, listed(missing), count=len(missing))

    def _is_of_class(self, path: str, lines: Sequence[str]) -> bool:
        """Whether it is `cat_train.txt`, or `cat_default.txt` beside `default.txt`, with 1, 0 or -1 on each line."""
        beside = (stem(other) for other in self.lists if parent(other) == parent(path))
        named = _OF_CLASS.fullmatch(stem(path)) or any(stem(path).endswith(f"_{split}") for split in beside)
        return bool(named) and all(_is_of_class(line) and not self._pictures.called(line) for line in lines)

    def _take(self, path: str, number: int, line: str) -> bool:
        """Adds the picture of a line to the split of its list; False if there is no such picture."""
        found = self._pictures.of(line, root_of(path))
        if len(found) == 1:
            self._add(found[0], split_named(stem(path)), path)
        elif found:
            self._reading.ledger.lose("splits", f"{path}, line {number}", AMBIGUOUS, listed(found))
        return bool(found)

    def _add(self, picture: str, split: str, path: str) -> None:
        if split in {"", TRAINVAL}:
            if split:
                self._unions[picture] = path
            return
        self._listed.add(picture, split, path)


class _Pictures:
    """Pictures by what lists call them: a name without a suffix, with it, or a path."""

    def __init__(self, pictures: Sequence[str]) -> None:
        self._by_stem: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for path in pictures:
            self._by_stem.setdefault(stem(path), []).append(path)
            self._by_name.setdefault(name_of(path), []).append(path)

    def called(self, name: str) -> bool:
        """Whether a picture has this name, with or without a suffix."""
        return name in self._by_stem or name in self._by_name

    def of(self, line: str, root: str) -> list[str]:
        """The pictures that a line may mean; numbers behind the name belong to tasks such as `Layout`."""
        words = line.split()
        for text in dict.fromkeys((line, line.rpartition(" ")[0].strip() or line, words[0])):
            if found := self._called(text.replace("\\", "/"), root):
                return found
        return []

    def _called(self, text: str, root: str) -> list[str]:
        name = name_of(text)
        found = self._by_stem.get(name, []) or self._by_name.get(name, [])
        if not found and suffix(name) in PICTURES:
            found = self._by_stem.get(stem(name), [])
        inside = [path for path in found if not root or path.startswith(f"{root}/")]
        folder = parent(text).strip("/")
        exact = [path for path in inside if folder and f"/{parent(path)}/".endswith(f"/{folder}/")]
        return nearest(f"{root}/x" if root else "x", exact or inside)


def _task(path: str) -> str:
    """The task of a list, in lower case, if it lies in the folder of one."""
    folders = path.lower().split("/")[:-1]
    return folders[-1] if len(folders) > 1 and folders[-2] == "imagesets" and folders[-1] in _TASKS else ""


def root_of(path: str) -> str:
    """The folder that `ImageSets` lies in."""
    return parent(parent(parent(path)))


def split_named(name: str) -> str:
    """The split that the name of a list means; empty for lists of all pictures."""
    return split_of(f"{name}/x") or ("" if name.lower() == "all" or is_role(name) else name)


def _is_of_class(line: str) -> bool:
    words = line.split()
    return len(words) > 1 and words[-1] in {"-1", "0", "1"}


def can_name(split: str) -> bool:
    """Whether a list can have the name of a split, so that it reads back."""
    return bool(_PLAIN.fullmatch(split)) and split != TRAINVAL and split_named(split) == split


def can_list(picture: str) -> bool:
    """Whether a line can hold the path of a picture."""
    return picture.isprintable() and picture == picture.strip() and stem(picture) == stem(picture).strip() != "" and (
        "\\" not in picture
    )  # fmt: skip


def written(splits: Mapping[str, Sequence[str]], counts: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
    """The lists of an export: names of files with their content.

    Args:
        splits: split -> paths of its pictures.
        counts: name of a picture without its suffix -> how many pictures have it.
    """
    for split, paths in splits.items():
        lines = _lines(paths, counts)
        yield f"ImageSets/Main/{split}.txt", "".join(f"{line}\n" for line in lines).encode()
    both = [path for split in ("train", "val") for path in splits.get(split, ())]
    if "train" in splits and "val" in splits:
        yield f"ImageSets/Main/{TRAINVAL}.txt", "".join(f"{line}\n" for line in _lines(both, counts)).encode()


def _lines(paths: Iterable[str], counts: Mapping[str, int]) -> Iterator[str]:
    """The bare name of each picture, or its path where several share a name."""
    return (stem(path) if counts[stem(path)] == 1 else path for path in sorted(paths))
