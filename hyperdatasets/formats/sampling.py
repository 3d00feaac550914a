"""Which of many files are opened to find a format: few, and yet one file among a crowd of others is found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from heapq import nlargest

from hyperdatasets.formats.folder import Folder

_SIZE = 48
_HEADS = 500  # files whose beginnings are read
_HEAD = 4_096  # bytes


def sample(paths: Sequence[str], size: int = _SIZE) -> Sequence[str]:
    """A few of many paths, evenly spaced."""
    if len(paths) <= size:
        return paths
    return [paths[number * len(paths) // size] for number in range(size)]


def few(folder: Folder, paths: Sequence[str]) -> Sequence[str]:
    """The largest of many files, and some that are evenly spaced: a file about many others is a large one."""
    if len(paths) <= 2 * _SIZE:
        return paths
    largest = nlargest(_SIZE, paths, key=folder.size)
    return list(dict.fromkeys((*largest, *sample(paths))))


def beginning_with(folder: Folder, paths: Sequence[str], pattern: re.Pattern[bytes]) -> Sequence[str]:
    """Files with the pattern in their first bytes; of more than `_HEADS` files only `few` are looked at."""
    looked_at = paths if len(paths) <= _HEADS else few(folder, paths)
    found = [path for path in looked_at if pattern.search(folder.head(path, _HEAD).replace(b"\0", b""))]  # also UTF-16
    return all_or_found(paths, looked_at, found)


def all_or_found(paths: Sequence[str], looked_at: Sequence[str], found: Sequence[str]) -> Sequence[str]:
    """All paths where each that was looked at fits; else only those that were found to fit."""
    return paths if found and len(found) == len(looked_at) else found
