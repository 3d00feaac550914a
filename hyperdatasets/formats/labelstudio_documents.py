"""Label Studio's exports as tasks: JSON, JSON-MIN, and the files of a storage with one annotation each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hyperdatasets.formats.json_text import is_empty, is_number

_TASKS = re.compile(rb'"(annotations|completions|predictions|result)"\s*:\s*\[')
_DATA = re.compile(rb'"data"\s*:\s*\{')
_MINIMAL = re.compile(rb'"annotation_id"\s*:')
MAY_BE = re.compile(rb'"(?:annotations|completions|predictions|result|data|annotation_id|annotator|id)"\s*:')
"""What exports have near their beginning."""
_OF_MINIMAL = frozenset({"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"})
TEXTS = "texts of a JSON-MIN export: data or choices, kept as metadata; the JSON export tells them apart"
_GEOMETRIES = {"rle": "brush", "points": "polygon", "radiusX": "ellipse", "start": "labels", "x": "rectangle"}
"""A field of a value without labels -> its type."""


class Task(NamedTuple):
    """A task in the form of the JSON export; `unsure` are names of data of which it is not known what they are."""

    content: Mapping[str, Any]
    place: str
    unsure: Sequence[str] = ()


def looks_right(content: bytes) -> bool:
    """Whether JSON text has what exports of Label Studio have."""
    minimal = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") and _MINIMAL.search(content)
    return bool((_TASKS.search(content) and _DATA.search(content)) or minimal)


def count(content: bytes) -> int:
    """How many tasks JSON text has."""
    return len(_DATA.findall(content)) or len(_MINIMAL.findall(content))


def tasks(path: str, content: Any) -> Iterator[Task | str]:
    """The tasks of a file; the place of whatever is none."""
    many = content if isinstance(content, list) else [content]
    for number, each in enumerate(many, 1):
        known = each.get("id") if isinstance(each, dict) else None
        place = f"{path}, task {known if is_number(known) or isinstance(known, str) else f'number {number}'}"
        yield place if not isinstance(each, dict) else _task(each, place)


def _task(content: dict[str, Any], place: str) -> Task | str:
    if isinstance(content.get("data"), dict):
        return Task(content, place)
    inner = content.get("task")
    if isinstance(content.get("result"), list) and isinstance(inner, dict) and isinstance(inner.get("data"), dict):
        annotation = {key: value for key, value in content.items() if key != "task"}
        return Task({**inner, "annotations": [annotation]}, place)
    return _minimal(content, place) if "annotation_id" in content or "annotator" in content else place


def _minimal(content: dict[str, Any], place: str) -> Task:
    """JSON-MIN puts data and results under the names of their tags, side by side."""
    data, results, unsure = {}, [], []
    for name, value in content.items():
        if name in _OF_MINIMAL:
            continue
        if found := _results(name, value):
            results += found
        elif not is_empty(value):
            data[name] = value
            unsure.append(name)
    annotation = {"id": content.get("annotation_id"), "completed_by": content.get("annotator"), "result": results}
    return Task({"id": content.get("id"), "data": data, "annotations": [annotation]}, place, unsure)


def _results(name: str, value: Any) -> list[dict[str, Any]]:
    """The results of a tag; none if the value is data, or may be."""
    if isinstance(value, dict) and isinstance(value.get("choices"), list):
        return [{"type": "choices", "from_name": name, "value": {"choices": value["choices"]}}]
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        return []
    return [_result(name, each) for each in value]


def _result(name: str, value: dict[str, Any]) -> dict[str, Any]:
    labelled = next((key for key in value if key.endswith("labels")), "")
    guessed = next((found for key, found in _GEOMETRIES.items() if key in value), "")
    sizes = {key: value[key] for key in ("original_width", "original_height") if key in value}
    inner = {key: part for key, part in value.items() if key not in sizes}
    return {"type": labelled or guessed or "unknown", "from_name": name, "value": inner} | sizes
