"""Files that name classes and splits: the YAML file of Ultralytics, Darknet's lists, LabelImg's `classes.txt`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hyperdatasets.core.wording import counted
from hyperdatasets.formats.folder import Folder, Unreadable, name_of, parent, split_of
from hyperdatasets.formats.ledger import listed
from hyperdatasets.formats.lookup import Lookup
from hyperdatasets.formats.nearness import distance
from hyperdatasets.formats.reading import Reading
from hyperdatasets.formats.yolo.lines import looks_like_line
from hyperdatasets.formats.yolo.yaml_text import NotYaml, mapping_in, read_yaml, scalar_in, scalars_in

BROKEN = "files with names of classes that cannot be read"
BAD_NAMES = "entries of `names` that are not a number and a name"
TWO_NAMES = "numbers of classes that are named twice; the last name was taken"
TWO_KEYS = "keys of a data file that are there twice; the last one counts"
SHARED = "names that several classes have, which become one label"
BAD_COUNT = "`nc` is not the number of names"
BAD_POINTS = "`kpt_shape` is not a number of points and 2 or 3; not used"
BAD_POINT_NAMES = "entries of `kpt_names` that are not a class and a list of names; not used"
BAD_SPLIT = "entries of a split that are no folder and no list; not used"
OTHER_KEYS = "keys of the YAML file that say nothing of a frame"
CONFLICT = "files that name classes differently; the nearest one was taken"
OWN = "hyperdatasets"  # key of what our writer adds
_LISTS = frozenset({"classes.txt", "obj.names", "class_names.txt", "_darknet.labels"})
_ENDINGS = (*_LISTS, ".names")
_SPLITS = ("train", "val", "valid", "validation", "test", "dev")
_KNOWN = frozenset({"names", "nc", "kpt_shape", "kpt_names", "task", "path", OWN, *_SPLITS})
_PREFERRED = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_NAMES = re.compile(r"^(names|nc)\s*:", re.MULTILINE)
_MAX_POINTS = 10_000
_TOP_SAMPLE = 8


@dataclass(slots=True)
class DataFile:
    """What a file says of classes, key points and splits.

    Attributes:
        names: number of a class -> its name.
        points: how many key points, and 2 or 3 numbers for each.
        pose: it has key points, though their number may not be known.
        point_names: class -> names of its key points; those of -1 are for all classes.
        root: the folder that paths start from.
        splits: split -> folders or lists.
        own: our writer wrote it: only these splits are meant.
        is_list: it is a bare list of names.
    """

    path: str
    names: dict[int, str] = field(default_factory=dict)
    points: tuple[int, int] | None = None
    point_names: dict[int, list[str]] = field(default_factory=dict)
    task: str = ""
    pose: bool = False
    root: str = ""
    splits: dict[str, list[str]] = field(default_factory=dict)
    own: bool = False
    is_list: bool = False


class DataFiles:
    """The files of a folder that name classes and splits."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._told = reading, set[tuple[str, str]]()
        self.files = list(_read_all(reading))
        self._near = lru_cache(maxsize=None)(self._nearest)

    def near(self, label_file: str) -> DataFile:
        """The file that names the classes of a label file: above it, a YAML file before a list, the nearest."""
        return self._near(parent(label_file))

    def _nearest(self, folder: str) -> DataFile:
        named = sorted((each for each in self.files if each.names), key=lambda each: _rank(each, folder))
        for other in named[1:]:
            conflict = _conflict(named[0].names, other.names)
            equal = _is_above(other, folder) == _is_above(named[0], folder)
            if conflict and equal and (named[0].path, other.path) not in self._told:
                self._told.add((named[0].path, other.path))
                self._reading.ledger.notice("attributes", other.path, CONFLICT, f"{named[0].path}: {conflict}")
        return named[0] if named else next(iter(self.files), DataFile(""))


def _rank(data: DataFile, folder: str) -> tuple[bool, bool, int, int, str]:
    name = name_of(data.path).lower()
    preferred = _PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED)
    apart = distance(data.path, f"{folder}/x" if folder else "x")
    return not _is_above(data, folder), data.is_list, apart, preferred, data.path


def _is_above(data: DataFile, folder: str) -> bool:
    return not parent(data.path) or f"{folder}/".startswith(f"{parent(data.path)}/")


def _conflict(names: Mapping[int, str], others: Mapping[int, str]) -> str:
    """The first class that two files name differently, in words; empty if there is none."""
    differing = (number for number in sorted(names.keys() & others.keys()) if names[number] != others[number])
    return next((f"class {number} is `{names[number]}` or `{others[number]}`" for number in differing), "")


def is_data_file(folder: Folder, path: str) -> bool:
    """Whether a file has the name of a list of classes; `classes.txt` may also be the label file of `classes.jpg`."""
    if not path.lower().endswith(_ENDINGS):  # as nearly all of many label files
        return False
    name = name_of(path).lower()
    if name in _LISTS and name.endswith(".txt"):
        return not looks_like_labels(folder, path)
    return name in _LISTS or name.endswith(".names")


def first_words(folder: Folder, path: str) -> Sequence[str]:
    """The words of the first line that is not empty, as far as the beginning of a file holds it."""
    text = folder.head(path).decode("utf-8-sig", "replace")
    return next((line.split() for line in text.splitlines() if line.strip()), ())


def looks_like_labels(folder: Folder, path: str) -> bool:
    """Whether a text file begins with a class and numbers."""
    return looks_like_line(first_words(folder, path))


def has_line(folder: Folder, path: str) -> bool:
    """Whether the beginning of a text file has a line of a class and numbers."""
    text = folder.head(path).decode("utf-8-sig", "replace")
    return any(looks_like_line(line.split()) for line in text.splitlines())


def look(folder: Folder) -> list[str]:
    """Files that name classes, told without reading many."""
    yaml = [
        path for path in folder.with_suffix(".yaml", ".yml")[:_TOP_SAMPLE] if b"names" in folder.head(path, 1 << 16)
    ]
    return [*yaml, *(path for path in folder.with_suffix(".txt", ".names", ".labels") if is_data_file(folder, path))]


def _read_all(reading: Reading) -> Iterator[DataFile]:
    folder = reading.folder
    for path in folder.with_suffix(".yaml", ".yml"):
        if data := _yaml(reading, path):
            reading.used.add(path)
            yield data
    for path in folder.with_suffix(".data"):
        if data := _darknet(reading, path):
            reading.used.add(path)
            yield data
    for path in folder.with_suffix(".txt", ".names", ".labels"):
        if is_data_file(folder, path):
            reading.used.add(path)
            yield DataFile(path, _list(reading, path), is_list=True)


def _list(reading: Reading, path: str) -> dict[int, str]:
    """A name on each line; an empty line keeps its number."""
    try:
        lines = reading.folder.text(path).split("\n")
    except Unreadable as error:
        reading.ledger.unreadable(path, BROKEN, str(error))
        return {}
    names = {number: line.strip() for number, line in enumerate(lines) if line.strip()}
    _tell_shared(reading, path, names)
    return names


def _yaml(reading: Reading, path: str) -> DataFile | None:
    """A YAML file with `names` or `nc`; all values are the text that is written, so that `no` stays `no`."""
    try:
        text = reading.folder.text(path)
        if not _NAMES.search(text) and '"names"' not in text:
            return None
        pairs = read_yaml(text)
    except Unreadable as error:
        reading.ledger.unreadable(path, BROKEN, str(error))
        return None
    except NotYaml as error:
        reading.ledger.unreadable(path, BROKEN, f"it is no YAML with keys and values: {error}")
        return None
    content = dict(pairs)
    if not content.keys() & {"names", "nc"}:
        return None
    _tell_twice(reading, path, [key for key, _ in pairs])
    data = DataFile(path, _names(reading, path, content.get("names")), task=scalar_in(content.get("task")).lower())
    data.root = scalar_in(content.get("path"))
    _tell_shared(reading, path, data.names)
    _add_points(reading, data, content)
    _add_splits(reading, data, content)
    count = scalar_in(content.get("nc"))
    if count and data.names and count != str(len(data.names)):
        reading.ledger.notice("attributes", path, BAD_COUNT, f"nc is {count[:20]}, {counted(len(data.names), 'name')}")
    if others := [str(key) for key in content if key not in _KNOWN]:
        reading.ledger.skip("attributes", path, OTHER_KEYS, listed(others), count=len(others))
    return data


def _tell_twice(reading: Reading, path: str, keys: Sequence[str]) -> None:
    for key, count in Counter(keys).items():
        if count > 1:
            reading.ledger.lose("attributes", path, TWO_KEYS, f"`{key[:60]}`", count=count - 1)


def _names(reading: Reading, path: str, node: object) -> dict[int, str]:
    """A list, or numbers with names, perhaps with gaps; or the path of a list."""
    names: dict[int, str] = {}
    if (items := scalars_in(node)) is not None:
        names = {number: name for number, name in enumerate(items) if name}
        if len(names) < len(items):
            reading.ledger.notice("attributes", path, BAD_NAMES, f"{len(items) - len(names)} entries")
    elif (pairs := mapping_in(node)) is not None:
        for key, value in pairs:
            name = scalar_in(value)
            if not (_is_number(key) and name):
                reading.ledger.notice("attributes", path, BAD_NAMES, f"`{key[:40]}`")
            else:
                if int(key) in names:
                    reading.ledger.lose("attributes", path, TWO_NAMES, f"class {key}")
                names[int(key)] = name
    elif named := scalar_in(node):
        found = Lookup(reading.folder.files).find(named, beside=parent(path))
        if len(found) == 1:
            reading.used.add(found[0])
            return _list(reading, found[0])
        reading.ledger.unreadable(path, BROKEN, f"`names` is no list and no file: {named[:60]}")
    return names


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _tell_shared(reading: Reading, path: str, names: Mapping[int, str]) -> None:
    numbers: dict[str, list[str]] = {}
    for number, name in names.items():
        numbers.setdefault(name, []).append(str(number))
    for name, several in numbers.items():
        if len(several) > 1:
            reading.ledger.notice("attributes", path, SHARED, f"`{name[:60]}`: {listed(several)}")


def _add_points(reading: Reading, data: DataFile, content: Mapping[str, object]) -> None:
    shape = scalars_in(content.get("kpt_shape"))
    data.pose = "kpt_shape" in content or data.task == "pose"
    if "kpt_shape" in content:
        if shape and len(shape) == 2 and _is_number(shape[0]) and shape[1] in {"2", "3"} and (
            0 < int(shape[0]) <= _MAX_POINTS
        ):  # fmt: skip
            data.points = int(shape[0]), int(shape[1])
        else:
            reading.ledger.notice("attributes", data.path, BAD_POINTS, _in_words(content["kpt_shape"]))
    _add_point_names(reading, data, content.get("kpt_names"))


def _add_point_names(reading: Reading, data: DataFile, node: object) -> None:
    """A list for all classes, or numbers of classes with lists."""
    if (names := scalars_in(node)) is not None:
        data.point_names = {-1: names}
    elif scalar_in(node):
        reading.ledger.notice("attributes", data.path, BAD_POINT_NAMES, _in_words(node))
    for key, value in mapping_in(node) or ():
        if _is_number(key) and (names := scalars_in(value)):
            data.point_names[int(key)] = names
        else:
            reading.ledger.notice("attributes", data.path, BAD_POINT_NAMES, f"`{key[:40]}`")


def _in_words(node: object) -> str:
    """What is written for a key, for messages."""
    texts = scalars_in(node)
    if texts is not None:
        return f"it is a list: {', '.join(texts)}"[:60] if texts else "it is an empty list"
    return f"it is `{text[:40]}`" if (text := scalar_in(node)) else "it is empty, or has keys of its own"


def _add_splits(reading: Reading, data: DataFile, content: Mapping[str, object]) -> None:
    own = dict(mapping_in(content.get(OWN)) or ())
    if "splits" in own:
        data.own = True
        data.splits = {split: [scalar_in(node)] for split, node in mapping_in(own["splits"]) or ()}
        return
    for key in _SPLITS:
        node = content.get(key)
        entries = scalars_in(node) or [scalar_in(node)]
        if mapping_in(node) is not None or ("" in entries and len(entries) > 1):
            reading.ledger.notice("splits", data.path, BAD_SPLIT, f"`{key}`: {_in_words(node)}")
        if any(entries):
            data.splits.setdefault(split_of(f"{key}/x"), []).extend(filter(None, entries))


def _darknet(reading: Reading, path: str) -> DataFile | None:
    """Darknet's `obj.data`: `names = obj.names`, `train = train.txt`."""
    try:
        lines = reading.folder.text(path).split("\n")
    except Unreadable:
        return None  # many tools have files with this suffix
    cut = (line.partition("=") for line in lines)
    written = [(key.strip(), value.strip()) for key, _, value in cut if value.strip()]
    pairs = dict(written)
    if not pairs.keys() & {"names", "train"} or "\0" in "".join(pairs):
        return None
    _tell_twice(reading, path, [key for key, _ in written])
    data = DataFile(path, is_list=True)
    for key in _SPLITS:
        if key in pairs:
            data.splits.setdefault(split_of(f"{key}/x"), []).append(pairs[key])
    found = Lookup(reading.folder.files).find(pairs.get("names", ""), beside=parent(path)) if "names" in pairs else []
    if len(found) == 1:
        reading.used.add(found[0])
        data.names = {} if is_data_file(reading.folder, found[0]) else _list(reading, found[0])
    return data
