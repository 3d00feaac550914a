"""The split that the name of an annotation file or table says: `eng.testa`, `train-00000-of-00002.parquet`."""

from __future__ import annotations

import re

from hyperdatasets.formats.folder import SPLITS, name_of, split_of

_WORD = re.compile(r"(?<![a-z])(train|training|dev|valid|validation|val|test|testing)b?(?![a-z])")


def split_of_file(path: str) -> str:
    """What its name says, or else its folder; empty if neither does."""
    name = name_of(path).lower()
    if name.endswith(".testa"):
        return "val"  # CoNLL-2003 calls its development set so
    match = _WORD.search(name)
    return SPLITS[match[1]] if match else split_of(path)
