"""Tables whose rows describe files: which column names the file, what the numbers of labels mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hyperdatasets.formats.json_lines import exact

EMBEDDED = "pictures inside of a table; unpack them to files first"
_NAMES = (
    "file_name", "filename", "file", "path", "filepath", "file_path", "image_path", "img_path", "audio_path", "image",
    "img", "audio", "video", "uri", "url",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column that names files; `embeds`: its cells have the content, too, as Hugging Face writes them."""

    name: str
    embeds: bool = False

    def path(self, row: Mapping[str, Any]) -> Any:
        cell = row.get(self.name)
        return cell.get("path") if isinstance(cell, dict) else cell

    def content(self, row: Mapping[str, Any]) -> bool:
        cell = row.get(self.name)
        return isinstance(cell, dict) and cell.get("bytes") is not None


def file_column(kinds: Mapping[str, str]) -> FileColumn | None:
    """The column that names files, by names and types of columns.

    Args:
        kinds: column -> `text`, `media` (content and path), or anything else.
    """
    media = next((name for name, kind in kinds.items() if kind == "media"), "")
    if media:
        return FileColumn(media, embeds=True)
    by_lower = {name.lower(): name for name, kind in kinds.items() if kind == "text"}
    found = next((by_lower[name] for name in _NAMES if name in by_lower), "")
    return FileColumn(found) if found else None


def names_of(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Names of the classes of columns, from the features that Hugging Face keeps in a schema."""
    try:
        info = exact((metadata or {}).get(b"huggingface", b"{}"))
        features = info["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return dict(_class_names("", features))


def _class_names(path: str, feature: Any, depth: int = 0) -> Iterator[tuple[str, list[str]]]:
    if isinstance(feature, list) and feature:
        feature = feature[0]
    if not isinstance(feature, dict) or depth > 8:
        return
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel":
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            yield path, names
        return
    if "feature" in feature and feature.get("_type") in {"Sequence", "List", "LargeList"}:
        yield from _class_names(path, feature["feature"], depth + 1)
        return
    for name, inner in feature.items():
        yield from _class_names(f"{path}.{name}" if path else str(name), inner, depth + 1)
