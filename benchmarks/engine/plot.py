"""How cost grows: time over number of frames, both logarithmic, as an SVG without any library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.engine.table import NATIVE, OURS, PARQUET, Results, of

SYSTEMS = {OURS: ("#0b6e4f", "ours"), PARQUET: ("#b5651d", "DuckDB on Parquet"), NATIVE: ("#5b6c8f", "DuckDB native")}
ROWS = {
    "filter/car": "label", "filter/car+occluded, conf>.8": "two labels on one ROI, confidence",
    "filter/no person": "without a label", "filter/rain & city": "two texts", "filter/score & date range": "two ranges",
    "filter/car>.5 & rain & score>.5": "ROI, text and range", "statistics": "label statistics",
    "page/first": "first page", "page/far": "last page", "page/sorted": "sorted page", "resolve": "resolve a view",
    "version/child": "child version",
}  # fmt: skip
_WIDE, _HIGH, _COLUMNS, _MARGIN = 300, 190, 3, 52
_LEAST_MS, _MOST_MS = 0.1, 10_000.0


def write(path: Path, sizes: Sequence[Results]) -> None:
    """One small chart a row of the table; `sizes` are results of different numbers of frames."""
    ordered = sorted(sizes, key=lambda each: each["frames"])
    lines = math.ceil(len(ROWS) / _COLUMNS)
    height = 40 + lines * _HIGH
    charts = [
        f'<g transform="translate({number % _COLUMNS * _WIDE},{40 + number // _COLUMNS * _HIGH})">'
        f"{_chart(ordered, row, title)}</g>"
        for number, (row, title) in enumerate(ROWS.items())
    ]
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_COLUMNS * _WIDE}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{_legend()}{''.join(charts)}</svg>\n",
        encoding="utf-8",
    )


def _legend() -> str:
    return "".join(
        f'<rect x="{46 + 170 * number}" y="14" width="12" height="12" fill="{colour}"/>'
        f'<text x="{64 + 170 * number}" y="24">{name}</text>'
        for number, (colour, name) in enumerate(SYSTEMS.values())
    )


def _chart(sizes: Sequence[Results], row: str, title: str) -> str:
    frames = [each["frames"] for each in sizes]
    drawn = [f'<text x="{_MARGIN}" y="12" font-weight="bold">{title}</text>', _grid(frames)]
    for system, (colour, _) in SYSTEMS.items():
        points = [
            (_across(each["frames"], frames), _up(value))
            for each in sizes if (value := of(each, row, system)) is not None
        ]  # fmt: skip
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return "".join(drawn)


def _grid(frames: Sequence[int]) -> str:
    ticks = (0.1, 1, 10, 100, 1_000, 10_000)
    texts = [
        f'<line x1="{_MARGIN}" x2="{_WIDE - 14}" y1="{_up(tick):.1f}" y2="{_up(tick):.1f}" stroke="#ddd"/>'
        f'<text x="{_MARGIN - 4}" y="{_up(tick) + 4:.1f}" text-anchor="end" fill="#555">{_time(tick)}</text>'
        for tick in ticks
    ]
    texts += [
        f'<text x="{_across(each, frames):.1f}" y="{_HIGH - 24}" text-anchor="middle" fill="#555">{_count(each)}</text>'
        for each in frames
    ]
    return "".join(texts)


def _across(frames: int, every: Sequence[int]) -> float:
    low, high = math.log10(min(every)), math.log10(max(every))
    share = (math.log10(frames) - low) / (high - low) if high > low else 0.5
    return _MARGIN + 16 + share * (_WIDE - _MARGIN - 46)


def _up(milliseconds: float) -> float:
    inside = min(max(milliseconds, _LEAST_MS), _MOST_MS)
    share = math.log10(inside / _LEAST_MS) / math.log10(_MOST_MS / _LEAST_MS)
    return _HIGH - 40 - share * (_HIGH - 62)


def _time(milliseconds: float) -> str:
    return f"{milliseconds / 1_000:g} s" if milliseconds >= 1_000 else f"{milliseconds:g} ms"


def _count(frames: int) -> str:
    return f"{frames / 1e6:g}M" if frames >= 1_000_000 else f"{frames / 1e3:g}k"
