"""Generated pictures, seeded: noise that compresses like photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def jpegs(folder: Path, count: int, *, width: int = 640, height: int = 480, quality: int = 85) -> None:
    """JPEGs of about 100 kB."""
    generator = np.random.default_rng(1)
    base = generator.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    for number in range(count):
        part = folder / f"{number % 20:02}"
        part.mkdir(parents=True, exist_ok=True)
        noise = np.kron(np.roll(base, number, axis=1), np.ones((4, 4, 1), np.uint8))
        grain = generator.integers(0, 24, noise.shape, dtype=np.uint8)
        Image.fromarray(noise // 2 + grain).save(part / f"{number:05}.jpg", quality=quality)


def pngs(folder: Path, count: int) -> None:
    """PNGs of about 1.8 kB."""
    generator = np.random.default_rng(2)
    for number in range(count):
        part = folder / f"{number % 20:02}"
        part.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(part / f"{number:05}.png")
