"""Cached local files of frames stay in each test's own folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its path is short, as workers of data loaders make Unix sockets in it."""
    tmp_path_factory.getbasetemp()  # first, as the folders of all tests would else be in that of the first one
    with tempfile.TemporaryDirectory(prefix="hd-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
