"""The split that the name of an annotation file or table says: `eng.testa`, `train-00000-of-00002.parquet`."""

from __future__ import annotations

import re

from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import SPLITS, name_of, split_of

_WORD = re.compile(r"(?<![a-z])(train|training|dev|valid|validation|val|test|testing)b?(?![a-z])")


def add_splits_of_file(entry: Entry, path: str) -> None:
    """Says the split of an entry by the name of a file that describes it, and by the folder of that file."""
    entry.add_split(_split_in_name(path), f"the name of {path}")
    entry.add_split(split_of(path), f"the folder of {path}")


def _split_in_name(path: str) -> str:
    name = name_of(path).lower()
    if name.endswith(".testa"):
        return "val"  # CoNLL-2003 calls its development set so
    match = _WORD.search(name)
    return SPLITS[match[1]] if match else ""
