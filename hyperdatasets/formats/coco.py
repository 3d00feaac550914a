"""COCO: JSON with `images`, `annotations` and `categories`; `coco_writer.py` writes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from hyperdatasets.formats.entry import Entry, Problem
from hyperdatasets.formats.files import images, walk

KEPT = ("iscrowd", "attributes", "num_keypoints")  # fields of an annotation that become its metadata


def detect(folder: Path) -> bool:
    return any(_is_coco(folder / path) for path in walk(folder) if path.endswith(".json"))


def read(folder: Path) -> Iterator[Entry]:
    """Pictures that the files name, each once with what all files say of it, and those that no file names."""
    listed = images(folder)
    counts = Counter(Path(path).name for path in listed)
    there = {Path(path).name: path for path in listed if counts[Path(path).name] == 1} | {path: path for path in listed}
    found: dict[str, Entry] = {}
    for path in walk(folder):
        if path.endswith(".json"):
            content, problem = _loaded(folder / path)
            if problem:
                yield Entry(path, problems=[Problem(path, f"left out: {problem}")])
            for entry in _entries(path, content, there):
                if entry.left_out:
                    yield entry
                    continue
                kept = found.setdefault(entry.path, entry)
                if kept is not entry:
                    kept.annotations.extend(entry.annotations)
                    kept.problems.extend(entry.problems)
    for path in listed:
        yield found.get(path) or Entry(path)


def _entries(path: str, content: Mapping[str, Any], there: Mapping[str, str]) -> Iterator[Entry]:
    labels = {_key(each.get("id")): str(each.get("name", "")) for each in _objects(content, "categories")}
    of_image: dict[Any, list[Mapping[str, Any]]] = {}
    for annotation in _objects(content, "annotations"):
        of_image.setdefault(_key(annotation.get("image_id")), []).append(annotation)
    for image in _objects(content, "images"):
        name = str(image.get("file_name", ""))
        file = there.get(name) or there.get(Path(name).name)
        if file is None:
            reason = f"left out: {path} names it, but it is missing, or there are several of that name"
            yield Entry(name or path, problems=[Problem(name or path, reason)])
            continue
        annotations, problems = [], []
        for annotation in of_image.get(_key(image.get("id")), []):
            plain = _annotation(annotation, labels)
            if isinstance(plain, str):
                problems.append(Problem(file, f"annotation {annotation.get('id')} left out: {plain}"))
            else:
                annotations.append(plain)
        yield Entry(file, annotations=annotations, problems=problems)


def _objects(content: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    listed = content.get(key)
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _key(number: Any) -> Any:
    """What an object is known by; anything but a number or a text by how it is written."""
    return number if isinstance(number, int | str) else repr(number)


def _annotation(annotation: Mapping[str, Any], labels: Mapping[Any, str]) -> dict[str, Any] | str:
    """An annotation in plain form, or what is wrong with it."""
    label = labels.get(_key(annotation.get("category_id")))
    if not label:
        return f"category {annotation.get('category_id')} is not listed"
    plain: dict[str, Any] = {"labels": [label]}
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, Mapping):
        if not annotation.get("bbox"):
            return "run-length masks are not read; it has no box either"
    elif segmentation:
        plain["geometry"] = {"polygon": segmentation}
    if "geometry" not in plain and annotation.get("bbox"):
        plain["geometry"] = {"box": annotation["bbox"]}
    if "score" in annotation:
        plain["confidence"] = annotation["score"]
    meta = {key: annotation[key] for key in KEPT if annotation.get(key)}
    return plain | ({"meta": meta} if meta else {})


def _is_coco(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return b'"images"' in head or (b'"annotations"' in head and b'"categories"' in head)


def _loaded(path: Path) -> tuple[Mapping[str, Any], str]:
    """Content of a COCO file, or what is wrong with it; a file of another kind is empty."""
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return {}, f"cannot be read as JSON: {error}"
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        return {}, ""
    wrong = [
        key
        for key in ("images", "annotations", "categories")
        if not isinstance(content.get(key) or [], list)
        or not all(isinstance(each, dict) for each in content.get(key) or [])
    ]
    return (
        (content, f"{', '.join(wrong)}: expected lists of objects; other entries are ignored")
        if wrong
        else (content, "")
    )
