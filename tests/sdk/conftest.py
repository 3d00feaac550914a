"""Cached local files of frames stay in each test's own folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Its path is short, as workers of data loaders make Unix sockets in it."""
    with tempfile.TemporaryDirectory(prefix="hd-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
