"""Pascal VOC: an XML file per picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hyperdatasets.formats.entry import Entry, Problem
from hyperdatasets.formats.files import images, problem_of_name, walk

_FLAGS = ("truncated", "difficult", "occluded")


def detect(folder: Path) -> bool:
    for path in walk(folder):
        if path.endswith(".xml"):
            return b"<annotation" in (folder / path).read_bytes()[:4096]
    return False


def read(folder: Path) -> Iterator[Entry]:
    """Pictures by path; the XML of a picture has its name, beside it or in `Annotations/`."""
    described: dict[str, list[str]] = {}
    for path in walk(folder):
        if path.endswith(".xml"):
            described.setdefault(Path(path).stem, []).append(path)
    splits = _splits(folder)
    used: set[str] = set()
    for path in images(folder):
        stem = Path(path).stem
        xml, ambiguous = _xml_of(path, described.get(stem, []))
        used |= {xml} if xml else set(ambiguous)
        if problem := problem_of_name(path):
            yield Entry(path, problems=[problem])
            continue
        meta = {"split": splits[stem]} if stem in splits else {}
        if ambiguous:
            reason = (
                f"no XML lies beside it, and it could be any of {', '.join(ambiguous[:3])}; kept without annotations"
            )
            yield Entry(path, meta=meta, problems=[Problem(path, reason)])
        elif not xml:
            yield Entry(path, meta=meta)
        else:
            annotations, problems = _annotations(folder, path, xml)
            yield Entry(path, annotations=annotations, meta=meta, problems=problems)
    for xml in sorted({xml for each in described.values() for xml in each} - used):
        yield Entry(xml, problems=[Problem(xml, "left out: the picture it describes is missing")])


def _xml_of(picture: str, candidates: list[str]) -> tuple[str, list[str]]:
    """The XML of a picture among those of its name: beside it, in the `Annotations` beside its folder, or the only one.

    Empty if there is none; or else the candidates of which none is nearer than another.
    """
    parent = Path(picture).parent
    for near in (parent, parent / "Annotations", parent.parent / "Annotations"):
        for each in candidates:
            if Path(each).parent == near:
                return each, []
    return (candidates[0], []) if len(candidates) == 1 else ("", candidates)


def _annotations(folder: Path, path: str, xml: str) -> tuple[list[dict[str, Any]], list[Problem]]:
    try:
        root = fromstring((folder / xml).read_bytes(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, OSError) as error:
        return [], [Problem(xml, f"cannot be read ({type(error).__name__}: {error}); kept without annotations")]
    found, problems = [], []
    for item in root.iter("object"):
        annotation = _annotation(item)
        if isinstance(annotation, str):
            problems.append(Problem(path, f"annotation left out: {annotation}"))
        else:
            found.append(annotation)
    return found, problems


def _annotation(item: Element) -> dict[str, Any] | str:
    """An annotation, or what is wrong with it."""
    name = (item.findtext("name") or "").strip()
    box = item.find("bndbox")
    if not name or box is None:
        return "it has no name or no box"
    try:
        left, top, right, bottom = (float(box.findtext(key) or "nan") for key in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        return f"`{name}`: its box is no four numbers"
    if not all(map(math.isfinite, (left, top, right, bottom))):
        return f"`{name}`: its box is no four numbers"
    if right <= left or bottom <= top:
        return f"`{name}`: its box is degenerate ({left:g}, {top:g} to {right:g}, {bottom:g})"
    meta = {flag: True for flag in _FLAGS if (item.findtext(flag) or "").strip() in {"1", "true"}}
    pose = (item.findtext("pose") or "").strip()
    if pose and pose != "Unspecified":
        meta["pose"] = pose  # type: ignore[assignment]
    plain: dict[str, Any] = {"labels": [name], "geometry": {"box": [left, top, right - left, bottom - top]}}
    return plain | ({"meta": meta} if meta else {})


def _splits(folder: Path) -> dict[str, str]:
    """Name of a picture -> split, from `ImageSets/Main/*.txt`."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("ImageSets/Main/*.txt")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if words and "_" not in path.stem and path.stem != "trainval":
                found[words[0]] = path.stem
    return found
