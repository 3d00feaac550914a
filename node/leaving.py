"""What leaves the site of a file, and what stays: frames for the centre, private columns for the node."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Any, NamedTuple
from urllib.parse import quote

from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.registering import NOT_IN_FILES
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import ROLES
from hyperdatasets.formats.intake import Intake, note_difference
from hyperdatasets.formats.json_text import is_number
from hyperdatasets.formats.ledger import Kind
from node.config import NodeConfig
from node.keys import Keys
from node.scanning import Scanned
from node.site_table import SiteTable
from node.store import KnownFrame
from node.tables import Row

FOLDER_LABELS = "folder_labels"
MASK_LABELS = "mask_labels"
SPLIT = "split"
_FIELDS = "fields"  # of a point cloud: names that somebody gave
_OF_SHAPE = frozenset({"visibility", "box", "polygon", "area", "num_keypoints"})  # metadata of an annotation
_OWN = frozenset({"path", _FIELDS, FOLDER_LABELS})  # private columns that are no metadata
_LABELS_PRIVATE = "labels from names of folders, kept private; `folder_labels` in publish_fields lets them out"
_MASKS_PRIVATE = "labels of the colours of masks, which stay at the site; `mask_labels` in publish_fields lets them out"
_META_PRIVATE = "metadata of annotations, which does not leave a strict site"
_ATTRIBUTES_PRIVATE = "metadata kept as private columns; publish_fields lets them out by name"
_OF_TABLE = "metadata of files that the table has as a column, with another value; the table's is kept"
_SPLIT_PRIVATE = "splits kept private; `split` in publish_fields lets them out"


class Left(NamedTuple):
    """A frame as it leaves the site, and what stays; `kept` counts what of it was kept, by kind."""

    frame: Frame
    private: dict[str, Any]
    context: str
    timestamp: int | None
    kept: dict[Kind, int]


class Leaving:
    """The rule of the profile: *open* shows all; *strict* shows what `publish_fields` lists, and hides names."""

    def __init__(
        self, config: NodeConfig, keys: Keys, alias: str, intake: Intake, path: Callable[[str], bytes], *, replace: bool
    ) -> None:
        """Args: replace: metadata of files takes the place of stored values."""
        self._config, self._keys, self._alias, self._intake, self._path = config, keys, alias, intake, path
        self._open, self._replace = config.profile == "open", replace

    def hidden(self, entry: Entry) -> Entry:
        """The entry without names that people gave: in a strict site they leave as opaque ones."""
        if self._open:
            return entry
        entry.id = ""
        entry.masks = [
            mask if mask.id.lower() in ROLES else mask._replace(id=self._keys.opaque("mask", mask.id))
            for mask in entry.masks
        ]
        for item in entry.items:
            for name in ("id", "origin"):
                if item.plain.get(name):
                    item.plain[name] = self._keys.opaque(name, str(item.plain[name]))
        return entry

    def lets_out_mask_labels(self) -> bool:
        """Whether the labels of the colours of masks leave; if not, the ledger counts them."""
        if self._is_published(MASK_LABELS):
            return True
        for mask, colours in self._intake.reading.mask_labels.items():
            self._intake.ledger.skip("labels", mask, _MASKS_PRIVATE, count=len(colours))
        return False

    def frame(
        self, entry: Entry, scanned: Scanned, row: Row | None, table: SiteTable, known: KnownFrame | None
    ) -> Left:
        """The frame of a file.

        Args:
            row: of the site's table; where there is none, what an earlier one said of the file stays.

        Raises:
            InvalidFrame: it cannot be one.
        """
        private: dict[str, Any] = dict(known.private) if known else {}
        private.pop(FOLDER_LABELS, None)
        if row is not None:
            replaced = table.replaced(row)
            private = {name: value for name, value in private.items() if name not in replaced}
        self._hide_folder_labels(entry, private)
        self._leave_to_table(entry, row, table, private)
        plain, kept = self._intake.frame(entry, scanned.media, self._uri)
        self._hide_annotations(entry, plain, kept)
        measured = {**scanned.media.site_only, **self._hidden_facts(plain["sources"][0])}
        meta = self._taken(plain.pop("meta", {}), entry, private)
        self._tell_absent(entry, private.keys() - measured.keys() - meta.keys(), table)
        private |= {**measured, **meta, **(row.values if row else {})}
        if row is not None and known is not None:
            table.tell_removed(row, known.private, private)
        private["path"] = os.fsdecode(scanned.file.path)
        plain["site"] = self._config.site
        plain["sources"][0]["digest"] = self._digest(scanned.file.sha256)
        context, timestamp = self._group(plain, entry, row, table, known)
        self._publish(entry, plain, private, kept)
        if known is not None and known.frame_id:
            plain["id"] = known.frame_id
        if scanned.without_preview:
            self._intake.ledger.notice("frames", entry.path, "files without a preview", scanned.without_preview)
        return Left(normalise(plain)[0], private, context, timestamp, kept)

    def _leave_to_table(self, entry: Entry, row: Row | None, table: SiteTable, private: dict[str, Any]) -> None:
        """Takes out metadata that a table, this one or an earlier one, says otherwise."""
        said = {name: value for name, value in private.items() if table.had(name)} | (row.values if row else {})
        if entry.split and said.get("split", entry.split) != entry.split:
            self._intake.ledger.lose("splits", entry.path, _OF_TABLE, f"{entry.split}; the table: {said['split']}")
            entry.split = ""
        for name in [name for name, value in entry.meta.items() if said.get(name, value) != value]:
            lost = Entry("", meta={name: entry.meta.pop(name)})
            for kind, count in lost.held().items():
                if kind != "frames":
                    detail = f"{name}: {lost.meta[name]}; the table: {said[name]}"
                    self._intake.ledger.lose(kind, entry.path, _OF_TABLE, detail, count=count)

    def _taken(self, meta: dict[str, Any], entry: Entry, private: dict[str, Any]) -> dict[str, Any]:
        """The metadata of a file that is kept: a stored value that differs stays unless it is to be replaced."""
        if self._replace:
            return meta
        other = [name for name, value in meta.items() if name in private and private[name] != value]
        for name in other:
            note_difference(self._intake.ledger, entry.path, f"meta.{name}")
        return {name: value for name, value in meta.items() if name not in other}

    def _tell_absent(self, entry: Entry, names: Collection[str], table: SiteTable) -> None:
        """Names stored metadata that the file does not have any more, where it was to be replaced."""
        for name in sorted(names) if self._replace else ():
            if name not in _OWN and not table.had(name):
                note_difference(self._intake.ledger, entry.path, f"{NOT_IN_FILES}meta.{name}")

    def _uri(self, path: str) -> str:
        below = os.fsdecode(self._path(path))
        shown = quote(below) if self._open else self._keys.opaque("path", f"{self._alias}/{below}")
        return f"site://{self._config.site}/{quote(self._alias)}/{shown}"

    def _digest(self, sha256: bytes) -> str:
        return f"sha256:{sha256.hex()}" if self._open else self._keys.hidden_digest(sha256)

    def _is_published(self, name: str) -> bool:
        return name != "path" and (self._open or name in self._config.publish_fields)

    def _hide_folder_labels(self, entry: Entry, private: dict[str, Any]) -> None:
        """In a strict site the name of a folder may be that of a patient."""
        if self._is_published(FOLDER_LABELS):
            return
        hidden = [item for item in entry.items if item.from_folder]
        if hidden:
            private[FOLDER_LABELS] = [label for item in hidden for label in item.plain["labels"]]
            self._intake.ledger.skip("labels", entry.path, _LABELS_PRIVATE, count=len(hidden))
            entry.items = [item for item in entry.items if not item.from_folder]

    def _hidden_facts(self, source: dict[str, Any]) -> dict[str, Any]:
        """Facts of the file that are names which somebody gave: taken out of the source of a strict site."""
        facts = source.get("meta", {})
        return {_FIELDS: facts.pop(_FIELDS)} if _FIELDS in facts and not self._open else {}

    def _hide_annotations(self, entry: Entry, plain: dict[str, Any], kept: dict[Kind, int]) -> None:
        """In a strict site labels and geometry of annotations leave, and nothing else of them.

        Numbers of the shape are geometry, wherever they stand: without the visibility of key points, those that are
        not labelled would become points.
        """
        if self._open:
            return
        hidden = 0
        for each in plain["annotations"]:
            meta = each.pop("meta", {})
            shape = {name: value for name, value in meta.items() if name in _OF_SHAPE and _is_numbers(value)}
            hidden += len(meta) - len(shape)
            if shape:
                each["meta"] = shape
        if hidden:
            self._intake.ledger.skip("attributes", entry.path, _META_PRIVATE, count=hidden)
            kept["attributes"] -= hidden

    def _group(
        self, plain: dict[str, Any], entry: Entry, row: Row | None, table: SiteTable, known: KnownFrame | None
    ) -> tuple[str, int | None]:
        """Context and time: of the table's row where it has them, or else as the format says, or as they are known."""
        context, timestamp = entry.context_id, entry.timestamp
        if known is not None:
            context, timestamp = context or known.context, known.timestamp if timestamp is None else timestamp
        if row is not None:
            table.tell_kept(row, context=context, timestamp=timestamp)
            context = row.context_id or context
            timestamp = timestamp if row.timestamp is None else row.timestamp
        plain.pop("context_id", None)
        if context:
            plain["context_id"] = context if self._open else self._keys.opaque("context", context)
        if timestamp is not None:
            plain["timestamp"] = timestamp
        return context, timestamp

    def _publish(self, entry: Entry, plain: dict[str, Any], private: dict[str, Any], kept: dict[Kind, int]) -> None:
        published = {name: value for name, value in private.items() if self._is_published(name)}
        if published:
            plain["meta"] = {"site": published}
        if entry.split and not self._is_published(SPLIT):
            self._intake.ledger.skip("splits", entry.path, _SPLIT_PRIVATE)
            kept.pop("splits", None)
        hidden = [name for name in entry.meta if name in private and not self._is_published(name)]
        if hidden:
            self._intake.ledger.notice("attributes", entry.path, _ATTRIBUTES_PRIVATE, ", ".join(hidden[:5]))


def _is_numbers(value: Any) -> bool:
    """Whether a value holds numbers alone."""
    return all(map(_is_numbers, value)) if isinstance(value, list) else is_number(value)
