"""Reads YOLO: every picture is an entry, with the lines of its label file in shares of its sides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.folder import Folder, Unreadable, name_of, parent, stem
from hyperdatasets.formats.ledger import Kind, listed
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import sample
from hyperdatasets.formats.suffixes import DOCUMENTS
from hyperdatasets.formats.unfit import Unfit
from hyperdatasets.formats.yolo.data_files import DataFile, DataFiles, first_words, has_line, look
from hyperdatasets.formats.yolo.label_files import LabelFiles
from hyperdatasets.formats.yolo.lines import Line, Task, is_tracked, kind_of, looks_like_line, read_line
from hyperdatasets.formats.yolo.splits import Splits, lists_in

BROKEN = "label files that cannot be read"
NO_NAME = "classes that are not listed in the file of names"
NO_NAMES = "classes without names: no file of names was found, so their numbers became the labels"
NO_PICTURE = "lines of a label file whose picture is not there"
OTHER_FILE = "lines of a label file whose picture has another label file, which was taken"
SEVERAL = "lines of a label file that several pictures may have"
BY_NAME = "label files that lie elsewhere than their pictures, taken for the only pictures of their names"
SHARED = "label files of several pictures that differ by their suffix; each of them got the annotations"
WITHOUT = "pictures without a label file: background, or the file is missing; kept without annotations"
NO_FILE = "No label file was found for any picture."
NO_LINES = "text files among the label files that belong to no picture and hold no line of a class and numbers"
POINT_NAMES = "names of key points that are not as many as the points; not used"
_ORIENTED = re.compile(r"(?<![a-z])(obb|dota)", re.IGNORECASE)
_SAMPLE = 40
_LINES_LOOKED_AT = 2_000


def recognise(folder: Folder) -> Evidence | None:
    """Text files of numbers that have a picture."""
    labels = LabelFiles(folder)
    files = sorted(set(labels.of.values()))
    begun = [words for path in sample(files, _SAMPLE) if (words := first_words(folder, path))]
    fitting = sum(map(looks_like_line, begun))
    if not files or (begun and not fitting):
        return None
    named = look(folder)
    if not fitting and not named:
        return None
    annotated = max(1, len(labels.of) * fitting // len(begun)) if begun else len(labels.of)
    told = f"{counted(len(files), 'label file')} of numbers for pictures"
    told += f", classes named in {listed(named)}" if named else ", without names of classes"
    return Evidence(annotated, [*files, *named], told)


def read(reading: Reading) -> Iterator[Entry]:
    """Pictures by path."""
    yield from _Reader(reading).entries()


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading, self._folder, self._ledger = reading, reading.folder, reading.ledger
        self._data = DataFiles(reading)
        self._labels = LabelFiles(self._folder, lists_in(self._folder, self._data.files))
        self._tasks = _tasks(self._folder, sorted(set(self._labels.of.values())))
        self._doubts: Counter[tuple[Kind, str]] = Counter()
        self._first: dict[tuple[Kind, str], str] = {}

    def entries(self) -> Iterator[Entry]:
        splits = Splits(self._reading, self._data.files, self._labels.unpaired)
        for path, pictures in self._labels.shared.items():
            self._ledger.notice("frames", path, SHARED, listed(pictures), count=len(pictures))
        for picture, path in self._labels.guessed.items():
            self._ledger.notice("frames", path, BY_NAME, picture)
        self._tell_without()
        self._reading.expected = len(self._folder.pictures)
        for picture in self._folder.pictures:
            label_file = self._labels.of.get(picture, "")
            entry = Entry(picture, shares=True, place=label_file)
            splits.give(entry)
            if label_file:
                self._reading.used.add(label_file)
                entry.items = list(self._items(label_file))
            yield entry
        self._tell_unpaired()
        for (kind, reason), count in self._doubts.items():
            self._ledger.notice(kind, self._first[kind, reason], reason, count=count)
        self._reading.rest(set(self._folder.pictures))

    def _tell_without(self) -> None:
        """One notice for all pictures that have no label file, since background is usual."""
        without = [path for path in self._folder.pictures if path not in self._labels.of]
        if without:
            self._ledger.notice("frames", listed(without), WITHOUT, count=len(without))
        if without and not self._labels.of:
            self._ledger.about.append(NO_FILE)

    def _items(self, path: str) -> Iterator[Item]:
        data = self._data.near(path)
        task = _task(self._tasks, data)
        for number, words in self._lines(path):
            place = f"{path}, line {number}"
            try:
                line = read_line(words, task)
            except Unfit as unfit:
                self._ledger.lose(unfit.kind, place, unfit.reason, unfit.detail)
                continue
            label = self._label(line, data, place)
            if label:
                yield Item(self._plain(line, label, data, place), line.kind, place)

    def _lines(self, path: str) -> Iterator[tuple[int, Sequence[str]]]:
        try:
            text = self._folder.text(path)
        except Unreadable as error:
            self._ledger.unreadable(path, BROKEN, str(error))
            return
        for number, line in enumerate(text.split("\n"), start=1):
            if words := line.split():
                yield number, words

    def _label(self, line: Line, data: DataFile, place: str) -> str:
        """The name of a class; its number where nothing names classes; empty if this one is not named."""
        if data.names:
            if line.number not in data.names:
                named = counted(len(data.names), "class", "classes")
                self._ledger.lose(line.kind, place, NO_NAME, f"class {line.number}; {data.path} names {named}")
            return data.names.get(line.number, "")
        self._doubt(line.kind, NO_NAMES, place)
        return str(line.number)

    def _plain(self, line: Line, label: str, data: DataFile, place: str) -> dict[str, object]:
        if line.doubt:
            self._doubt(line.kind, line.doubt, place)
        for part in line.lost:
            self._ledger.lose(part.kind, place, part.reason, part.detail)
        plain = {"labels": [label], **line.plain}
        names = data.point_names.get(line.number) or data.point_names.get(-1)
        if names and "keypoints" in line.plain["geometry"]:
            if len(names) * 2 == len(line.plain["geometry"]["keypoints"]):
                plain["meta"] = {**plain.get("meta", {}), "keypoint_names": names}
            else:
                self._doubt("key points", POINT_NAMES, place)
        return plain

    def _doubt(self, kind: Kind, reason: str, place: str) -> None:
        self._doubts[kind, reason] += 1
        self._first.setdefault((kind, reason), place)

    def _tell_unpaired(self) -> None:
        """Counts the lines of label files without a picture."""
        for path in self._labels.unpaired:
            if path in self._reading.used:
                continue
            if not has_line(self._folder, path):
                self._tell_no_lines(path)
                continue
            self._reading.used.add(path)
            task = _task(self._tasks, self._data.near(path))
            kinds = Counter(kind_of(len(words) - 1, task) for _, words in self._lines(path))
            for kind, count in kinds.items():
                self._ledger.lose(kind, path, *self._why_unpaired(path), count=count)

    def _why_unpaired(self, path: str) -> tuple[str, str]:
        found = self._labels.may_belong_to(path)
        if taken := [f"{each}: {self._labels.of[each]}" for each in found if each in self._labels.of]:
            return OTHER_FILE, listed(taken)
        return (SEVERAL, listed(found)) if found else (NO_PICTURE, "")

    def _tell_no_lines(self, path: str) -> None:
        """A text in a folder of labels is a loss; texts elsewhere and empty ones are no data."""
        among = name_of(parent(path)).lower() == "labels" and stem(path).lower() not in DOCUMENTS
        if among and path not in self._reading.unread and first_words(self._folder, path):
            self._reading.used.add(path)
            self._ledger.lose("annotation files", path, NO_LINES)


def _tasks(folder: Folder, files: Sequence[str]) -> Task:
    """What a sample of the lines tells: whether there are polygons of many points, and tracks."""
    polygons = tracks = False
    for path in sample(files, _SAMPLE):
        try:
            lines = folder.text(path).split("\n")[:_LINES_LOOKED_AT]
        except Unreadable:
            continue
        for words in (line.split() for line in lines):
            if looks_like_line(words):
                tracks = tracks or is_tracked(words)
                polygons = polygons or len(words) > 10
    return Task(polygons=polygons, tracks=tracks)


def _task(found: Task, data: DataFile) -> Task:
    """The same for one file of names, which may say the task."""
    oriented = data.task == "obb" or (not data.task and bool(_ORIENTED.search(f"{data.path} {data.root}")))
    polygons = data.task == "segment" or (found.polygons and not data.pose)
    tracks = found.tracks and not data.pose  # key points end with a whole number too
    return Task(data.points, oriented, polygons and not oriented, tracks, data.pose)


FORMAT = Format("yolo", "YOLO", recognise, read)
