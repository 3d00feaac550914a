"""The fields that every element has, by scope; keys of `meta` and private columns come from the data."""

from __future__ import annotations

from collections.abc import Iterable

from hyperdatasets.core.names import nearest
from hyperdatasets.core.query.tree import Scope

_ROI = (
    "label", "confidence", "origin", "id", "area", "x", "y", "width", "height", "start", "end", "shape", "sources",
)  # fmt: skip
_SOURCE = ("id", "uri", "content_type", "width", "height", "timestamp", "size_bytes")

FIELDS: dict[Scope, tuple[str, ...]] = {
    "frame": (
        "id", "context_id", "timestamp", "num_frames", "site", "saved", "saved_in_version",
        *(f"rois.{name}" for name in _ROI), *(f"sources.{name}" for name in _SOURCE),
    ),
    "source": _SOURCE,
    "roi": _ROI,
    "local": (),
}  # fmt: skip
DEPLOYMENT_FIELDS = ("saved", "saved_in_version")
"""They differ between deployments that hold the same frames; a published view must not depend on them."""


def nearest_fields(path: str, names: Iterable[str]) -> list[str]:
    """Names that look like the path; if there are none, those whose last part looks like that of the path."""
    known = sorted(names)
    if close := nearest(path, known):
        return close
    last = {name.rpartition(".")[2] for name in known}
    alike = nearest(path.rpartition(".")[2], sorted(last))
    return [name for part in alike for name in known if name.rpartition(".")[2] == part][:3]


def known_names(scope: Scope, from_data: Iterable[str]) -> list[str]:
    """All names that a query in this scope may use: those of every element, and those found in the data."""
    return sorted({*FIELDS[scope], *from_data})
