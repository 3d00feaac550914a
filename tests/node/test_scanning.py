"""Files of a site, read by the scanner."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.media.preview_pool import PreviewPool
from node import scanning
from node.scanning import Scanned, Scanner
from node.sources.local import LocalRoot


@pytest.fixture
def scan(tmp_path):
    root = LocalRoot("data", tmp_path)
    with PreviewPool(1) as previews:
        scanner = Scanner(root, os.fsencode, {}, previews, strict=False)
        yield lambda path: scanner.scan(Entry(path))
    root.close()


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_a_sound_picture_that_cannot_be_shown_is_kept_without_a_preview(tmp_path, scan, kind):
    Image.fromarray(np.ones((30, 40), kind)).save(tmp_path / "a.tif")
    found = scan("a.tif")
    assert isinstance(found, Scanned)
    assert (found.media.width, found.preview) == (40, b"")
    assert "no fixed range" in found.without_preview


def test_a_picture_that_is_too_large_for_a_preview_says_so(tmp_path, scan, monkeypatch):
    monkeypatch.setattr(scanning, "_IN_MEMORY", 100)
    Image.new("RGB", (300, 400)).save(tmp_path / "a.png")
    found = scan("a.png")
    assert (found.media.width, found.preview) == (300, b"")
    assert "more than" in found.without_preview


def test_a_damaged_picture_is_refused(tmp_path, scan):
    Image.fromarray(np.random.default_rng(1).random((30, 40)).astype(np.float32)).save(
        tmp_path / "a.tif", compression="tiff_lzw"
    )
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[100:400] = bytes(300)
    (tmp_path / "a.tif").write_bytes(content)
    assert "cannot be read" in scan("a.tif")
