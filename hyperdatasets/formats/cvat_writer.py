"""Writes CVAT's XML for images. What CVAT cannot say lies in attributes `hyperdatasets`, which it passes over."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from hyperdatasets.core.frames import Annotation, Frame, Source
from hyperdatasets.formats.counting import kind_of
from hyperdatasets.formats.cvat_annotation import element_for, json_text, xml_text
from hyperdatasets.formats.described import split_of_subset
from hyperdatasets.formats.extension import OWN, frame_fields, lose_source_fields, split_apart, without_default_id
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.picture_sources import of_pictures, pictures_of
from hyperdatasets.formats.spool import Spool
from hyperdatasets.formats.writing import Output, Placed, Subject, WrittenFormat, classes

PICTURES = "images"
UNSEEN = "labels, spans and shapes kept under `hyperdatasets`, since CVAT has no place for them"
UNSIZED = "pictures whose width and height are not known"


class CvatWriter:
    """One file; pictures wait in a spool, since their labels and attributes stand before them."""

    def __init__(self, output: Output, subject: Subject, ledger: Ledger) -> None:
        self._stream, self._subject, self._ledger = output.main("annotations.xml"), subject, ledger
        self._waiting = Spool()
        self._types: dict[str, dict[str, set[str]]] = {label: {} for label in classes(subject.labels)}
        self._images = 0

    def add(self, placed: Placed) -> None:
        frame = of_pictures(placed.frame, self._ledger)
        pictures = pictures_of(frame, self._ledger)
        if not pictures:
            return
        for number, source in enumerate(pictures):
            self._add_picture(placed, {**frame, "sources": [source]}, first=number == 0)

    def _add_picture(self, placed: Placed, frame: Frame, *, first: bool) -> None:
        source = frame["sources"][0]
        key: Hashable = (placed.key, source["id"]) if placed.key is not None else object()
        made: dict[str, int] | None = {} if placed.key is None else None
        elements, apart = [], []
        for annotation in frame.get("annotations", ()):
            if source["id"] in annotation.get("sources", [source["id"]]):
                element = self._element(annotation, made, frame["id"])
                elements.append(element) if element is not None else apart.append(annotation)
                if first or annotation.get("sources"):
                    self._ledger.keep(kind_of(annotation))
        if key not in self._waiting:
            self._ledger.keep("frames", 1 if first else 0)
            lose_source_fields(source, frame["id"], self._ledger)
            self._waiting.add(key, self._start(placed, frame, apart if first else ()))
        elif apart:
            for annotation in apart:
                self._ledger.keep(kind_of(annotation), -1)
                self._ledger.lose(kind_of(annotation), frame["id"], "ROIs that come apart and have no place in CVAT")
        for element in elements:
            self._waiting.add(key, b"    " + tostring(element) + b"\n")

    def _element(self, annotation: Annotation, made: dict[str, int] | None, frame_id: str) -> Element | None:
        found = element_for(annotation, without_default_id(annotation, made))
        if found is None:
            self._ledger.notice(kind_of(annotation), frame_id, UNSEEN)
            return None
        element, notice, types = found
        if notice:
            self._ledger.notice(kind_of(annotation), frame_id, notice)
        if len(annotation["labels"]) > 1:
            self._ledger.notice(kind_of(annotation), frame_id, "ROIs with several labels, of which CVAT sees the first")
        known = self._types.setdefault(annotation["labels"][0], {})
        for name, input_type in types.items():
            known.setdefault(name, set()).add(input_type)
        return element

    def _start(self, placed: Placed, frame: Frame, apart: Sequence[Annotation]) -> bytes:
        source = frame["sources"][0]
        name = placed.names[source["id"]].removeprefix(f"{PICTURES}/")
        image = Element("image", {"id": str(self._images), "name": xml_text(name)})
        self._images += 1
        self._add_size(image, source, frame["id"])
        own, split = frame_fields(frame, placed.names, apart), placed.split
        meta = dict(frame.get("meta", {}))
        if not split and isinstance(meta.get("split"), str):
            split = meta["split"]
        if split and meta.get("split") == split:
            del meta["split"]
        if split:
            image.set("subset", xml_text(split))
            own |= {"split": split} if split_of_subset(image.get("subset", "")) != split else {}
        own |= split_apart(name, split)
        if own := own | ({"meta": meta} if meta else {}):
            image.set(OWN, json_text(own))
        return b"  " + tostring(image).removesuffix(b" />") + b">\n"

    def _add_size(self, image: Element, source: Source, frame_id: str) -> None:
        if "width" in source and "height" in source:
            image.set("width", str(source["width"]))
            image.set("height", str(source["height"]))
        else:
            self._ledger.notice("frames", frame_id, UNSIZED)

    def finish(self) -> None:
        self._stream.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  ')
        self._stream.write(tostring(self._meta()) + b"\n")
        for pieces in self._waiting:
            self._stream.writelines(pieces)
            self._stream.write(b"  </image>\n")
        self._stream.write(b"</annotations>\n")
        self._waiting.close()

    def _meta(self) -> Element:
        meta = Element("meta")
        task = SubElement(meta, "task")
        for name, text in (("name", self._subject.name), ("size", str(self._images)), ("mode", "annotation")):
            SubElement(task, name).text = xml_text(text)
        labels = SubElement(task, "labels")
        for label, types in self._types.items():
            one = SubElement(labels, "label")
            SubElement(one, "name").text = xml_text(label)
            _add_specs(SubElement(one, "attributes"), types)
        return meta


def _add_specs(attributes: Element, types: Mapping[str, set[str]]) -> None:
    """An attribute with values of several types is text."""
    for name, kinds in types.items():
        spec = SubElement(attributes, "attribute")
        input_type = next(iter(kinds)) if len(kinds) == 1 else "text"
        fields = {"name": name, "mutable": "True", "input_type": input_type, "default_value": "", "values": ""}
        for field, text in fields.items():
            SubElement(spec, field).text = text


WRITTEN = WrittenFormat("cvat", "CVAT for images", PICTURES, single=True, start=CvatWriter)
