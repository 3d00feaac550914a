"""What a version with several parents begins with: their frames and mask labels, merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pyroaring import BitMap

from hyperdatasets.core.errors import MergeCollides
from hyperdatasets.core.merging import Collision, Named, bases, merge, merge_values
from hyperdatasets.core.wording import counted
from metadata_service.catalog.contents import Contents
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.store.protocol import Reading, Row

RULE = 2
"""Of merging, kept in the body of a version with several parents; 1 (not written): the later parent's state stayed."""
_NAMED = 10  # frames in an error
_Masks = dict[tuple[int, ...], list[str]]


@dataclass(frozen=True, slots=True)
class Merge:
    """What parents have together.

    Attributes:
        masks: mask labels in their normal form.
        bases: for each parent but the first the id of its base; empty where there is none.
        mask_collisions: values that collide, with the labels that stay.
    """

    revisions: BitMap
    masks: list[dict[str, Any]]
    bases: tuple[str, ...] = ()
    collisions: Sequence[Collision] = ()
    mask_collisions: Sequence[tuple[tuple[int, ...], list[str]]] = ()

    def refuse_collisions(self) -> None:
        """Raises MergeCollides."""
        count = len(self.collisions) + len(self.mask_collisions)
        if not count:
            return
        named = [f"`{each.frame_id}`" for each in self.collisions[:_NAMED]]
        named += [f"mask value {list(value)}" for value, _ in self.mask_collisions[: _NAMED - len(named)]]
        more = ", …" if count > len(named) else ""
        kinds = {"frame": len(self.collisions), "mask value": len(self.mask_collisions)}
        told = " and ".join(counted(number, kind) for kind, number in kinds.items() if number)
        raise MergeCollides(
            f"{told} changed in different ways in several parents: {', '.join(named)}{more}; let the later parent "
            "win (`option on_collision=later_wins`), or make them equal first",
            count=count,
        )


def merged(reading: Reading, contents: Contents, dataset: str, parents: Sequence[Row]) -> Merge:
    """What these parents have together; of one parent what it has."""
    gone = withdrawn(reading, dataset)
    if len(parents) < 2:
        revisions = BitMap().union(*(contents.of(reading, parent) for parent in parents)) - gone
        return Merge(revisions, _listed(_masks(parents[0])) if parents else [])
    rows = {row["id"]: row for row in reading.rows("versions", dataset=dataset)}
    parents_of = {version: orjson.loads(row["parents_json"]) for version, row in rows.items()}
    published = {version: row["published_ms"] for version, row in rows.items()}
    based = bases([parent["id"] for parent in parents], parents_of, published)
    found = [rows.get(base) for base in based]
    revisions, collisions = merge(
        [contents.of(reading, parent) - gone for parent in parents],
        [BitMap() if base is None else contents.of(reading, base) - gone for base in found],
        lambda wanted: _named(reading, dataset, wanted),
    )
    masks, values = merge_values(
        [_masks(parent) for parent in parents], [{} if base is None else _masks(base) for base in found]
    )
    return Merge(
        revisions, _listed(masks), tuple(based), collisions,
        [(value, masks.get(value, [])) for value in sorted(values)],
    )  # fmt: skip


def _named(reading: Reading, dataset: str, revisions: BitMap) -> Mapping[int, Named]:
    return {
        revision: Named(head.frame_id, head.digest)
        for revision, head in reading.heads(dataset, list(revisions)).items()
    }


def _masks(row: Row) -> _Masks:
    return {tuple(each["value"]): each["labels"] for each in orjson.loads(row["body_json"]).get("mask_labels", [])}


def _listed(masks: _Masks) -> list[dict[str, Any]]:
    return [{"value": list(value), "labels": labels} for value, labels in sorted(masks.items())]
