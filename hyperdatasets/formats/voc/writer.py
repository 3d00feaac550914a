"""Writes Pascal VOC: an XML file for each picture, lists of splits, label maps of masks.

What VOC has no element for lies in an element `hyperdatasets`, which other tools pass over: with it our reader gets
back the very frames. The ledger names what other tools do not see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree.ElementTree import Element, indent, tostring

from hyperdatasets.core.frames import Annotation, Frame, Source
from hyperdatasets.core.normalise import default_id
from hyperdatasets.formats.counting import kept_of, kind_of
from hyperdatasets.formats.extension import frame_fields, lose_source_fields, without_default_id
from hyperdatasets.formats.folder import split_of, stem, suffix
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.picture_sources import of_pictures, pictures_of
from hyperdatasets.formats.voc.image_sets import can_list, can_name, written
from hyperdatasets.formats.voc.masks import label_maps
from hyperdatasets.formats.voc.objects import write_object
from hyperdatasets.formats.voc.picture import add_own, write_picture
from hyperdatasets.formats.whole import Whole
from hyperdatasets.formats.writing import Output, Placed, Subject, WrittenFormat

SEPARATE = "labels, spans and shapes kept under `hyperdatasets`, since VOC has no place for them"
AS_BOX = "shapes that other tools see as their boxes"
SAME_NAME = (
    "pictures that differ by their suffix only: the later XML file has the suffix in its name, so that other tools "
    "may not find it"
)
SAME_PICTURE = (
    "pictures that two frames have: import takes the XML file with the name of the picture, not the later one"
)
OTHER_SPLIT = "splits in the metadata that are not those of the export"
_PICTURES = "JPEGImages"


class VocWriter:
    """Writes each frame when it comes whole; frames that come in parts wait for the end."""

    def __init__(self, output: Output, subject: Subject, ledger: Ledger) -> None:
        self._output, self._subject, self._ledger = output, subject, ledger
        self._whole = Whole()
        self._files: set[str] = set()
        self._pictures: set[str] = set()
        self._splits: dict[str, list[str]] = {}
        self._stems: Counter[str] = Counter()
        self._labels: set[str] = set()

    def add(self, placed: Placed) -> None:
        if self._whole.take(placed):
            self._add(placed)

    def finish(self) -> None:
        for placed in self._whole.joined():
            self._add(placed)
        self._whole.close()
        for path, content in (*written(self._splits, self._stems),
                              *label_maps(self._subject.mask_labels, self._labels, self._ledger)):  # fmt: skip
            self._write(path, content)

    def _add(self, placed: Placed) -> None:
        frame = of_pictures(placed.frame, self._ledger)
        pictures = pictures_of(frame, self._ledger)
        if not pictures:
            return
        sources = [Source(id=each["id"], uri=each["uri"], masks=each.get("masks", [])) for each in pictures]
        for kind, count in kept_of({**frame, "sources": sources}).items():
            if kind != "splits" or _is_kept(placed):
                self._ledger.keep(kind, count)
        for source in pictures:
            lose_source_fields(source, frame["id"], self._ledger)
            self._add_picture(placed._replace(frame=frame), source, alone=len(pictures) == 1)

    def _add_picture(self, placed: Placed, source: Source, *, alone: bool) -> None:
        frame, path = placed.frame, placed.names[source["id"]]
        meta = {
            name: value for name, value in frame.get("meta", {}).items() if name != "split" or not _split_in(placed)
        }
        root = write_picture(path, source, meta)
        apart = self._add_objects(root, frame, source)
        split = self._split(placed, path)
        one: Frame = {**frame, "sources": [source]}
        own = frame_fields(one, placed.names, apart) | ({} if split is None else {"split": split})
        if alone and frame["id"] != default_id({**frame, "site": ""}):
            own["id"] = frame["id"]
        add_own(root, own, meta)
        indent(root)
        self._write(self._file(path, frame["id"]), tostring(root, encoding="utf-8") + b"\n")

    def _add_objects(self, root: Element, frame: Frame, source: Source) -> Sequence[Annotation]:
        """Adds an element for each annotation on a source; gives back those that VOC has no element for."""
        apart: list[Annotation] = []
        made: dict[str, int] = {}
        for annotation in frame.get("annotations", ()):
            if source["id"] not in annotation.get("sources", (source["id"],)):
                continue
            plain = without_default_id(annotation, made)
            element = write_object(annotation, plain)
            if element is None:
                apart.append(annotation)
                self._ledger.notice(kind_of(annotation), frame["id"], SEPARATE)
                continue
            root.append(element)
            self._labels.update(annotation["labels"])
            if not annotation.get("geometry", {}).keys() & {"box", "polygon"}:
                self._ledger.notice(kind_of(annotation), frame["id"], AS_BOX)
        return apart

    def _split(self, placed: Placed, path: str) -> str | None:
        """Puts a picture into the list of its split; or gives its split, where our own data must say it."""
        known = _split_in(placed)
        split = placed.split or known
        if not _is_kept(placed):
            self._ledger.lose("splits", placed.frame["id"], OTHER_SPLIT, known[:60])
        self._stems[stem(path)] += 1
        if split and can_name(split) and can_list(path):
            self._splits.setdefault(split, []).append(path)
            return split if split_of(path) not in {"", split} else None
        return None if split == split_of(path) else split

    def _file(self, path: str, frame_id: str) -> str:
        """Where the XML of a picture goes; where two pictures differ by their suffix only, the second keeps it."""
        below = path.removeprefix(f"{_PICTURES}/")
        file = f"Annotations/{below[: len(below) - len(suffix(below))]}.xml"
        if file in self._files:
            self._ledger.notice("frames", frame_id, SAME_PICTURE if path in self._pictures else SAME_NAME, path)
        self._pictures.add(path)
        number = 1
        while file in self._files:
            file = f"Annotations/{below}.xml" if number == 1 else f"Annotations/{below}-{number}.xml"
            number += 1
        return file

    def _write(self, path: str, content: bytes) -> None:
        self._files.add(path)
        with self._output.file(path) as file:
            file.write(content)


def _is_kept(placed: Placed) -> bool:
    """Whether the split in the metadata of a frame is that of the export."""
    return "split" not in placed.frame.get("meta", {}) or placed.split in {"", _split_in(placed)}


def _split_in(placed: Placed) -> str:
    """The split in the metadata of a frame; empty if there is none, or something else has its name."""
    split = placed.frame.get("meta", {}).get("split")
    return split if isinstance(split, str) else ""


WRITTEN = WrittenFormat("voc", "Pascal VOC", _PICTURES, single=False, start=VocWriter)
