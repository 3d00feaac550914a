"""The table of goals: ours beside the peers, and whether each goal is reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OURS, PARQUET, NATIVE, LANCE, SQLITE = "ours", "duckdb_parquet", "duckdb_native", "lance", "sqlite"
PEERS = {PARQUET: "DuckDB on Parquet", NATIVE: "DuckDB native", LANCE: "Lance", SQLITE: "SQLite"}
Results = Mapping[str, Any]  # as `results.json` holds them


@dataclass(frozen=True, slots=True)
class Line:
    """One row: `measured` per system, in the row's unit."""

    what: str
    goal: str
    measured: Mapping[str, float | None]
    ratio: str
    met: bool | None
    show: Callable[[float], str]

    def markdown(self) -> str:
        cells = [_shown(self.measured.get(name), self.show) for name in (OURS, *PEERS)]
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return f"| {' | '.join([self.what, self.goal, *cells, self.ratio, met])} |"


def markdown(results: Results) -> str:
    head = ["what", "goal", "ours", *PEERS.values(), "ratio", "reached"]
    rule = "|" + "---|" * len(head)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(line.markdown() for line in lines(results))])


def lines(results: Results) -> list[Line]:
    return [
        *_filters(results), *_cached(results), *_versions(results), *_reading(results), *_writing(results),
        *_many(results), *_footprint(results),
    ]  # fmt: skip


def of(results: Results, row: str, system: str = OURS) -> float | None:
    """The median of a row's samples; None if it was not measured."""
    samples = results["measured"].get(system, {}).get("samples", {}).get(row)
    return statistics.median(samples) if samples else None


def filter_names(results: Results) -> list[str]:
    rows = results["measured"][OURS]["samples"]
    return [row.removeprefix("filter/") for row in rows if row.startswith("filter/")]


def _filters(results: Results) -> list[Line]:
    made, parquet, native = [], [], []
    for name in filter_names(results):
        measured = _all(results, f"filter/{name}")
        by_parquet, by_native = _ratio(measured, PARQUET), _ratio(measured, NATIVE)
        parquet.append(by_parquet)
        native.append(by_native)
        made.append(Line(f"first evaluation: {name}", "5x Parquet, no slower than 1.5x native", measured,
                         _ratios(by_parquet, by_native), by_parquet >= 5 and by_native >= 1 / 1.5, _ms))  # fmt: skip
    typical = statistics.median(parquet), statistics.median(native)
    summary = Line("median of the eight", "20x Parquet, 3x native", {}, _ratios(*typical),
                   typical[0] >= 20 and typical[1] >= 3, _ms)  # fmt: skip
    return [*made, summary]


def _cached(results: Results) -> list[Line]:
    made = []
    for row, what in (
        ("again", "the same again"), ("other", "the same on another version"),
        ("just edited", "the first query after an edit of 1,000 frames"), ("edited", "queries after that edit"),
    ):  # fmt: skip
        each = {name: of(results, f"{row}/{name}") for name in filter_names(results)}
        known = {name: value for name, value in each.items() if value is not None}
        if not known:
            continue
        ratio = min((of(results, f"filter/{name}", PARQUET) or 0) / value for name, value in known.items())
        slowest = max(known.values())
        made.append(Line(f"{what}: slowest of the eight", "50x Parquet, below 20 ms", {OURS: slowest},
                         f"least {ratio:.1f}x", ratio >= 50 and slowest < 20, _ms))  # fmt: skip
    return made


def _versions(results: Results) -> list[Line]:
    return [
        _below(results, "version/child", "create a child of one parent", 20),
        _below(results, "version/publish", "publish", 20),
        _below(results, "diff", "diff of two versions that differ in 10,000 frames", 200),
        _more(results, "diff/explained", "diff", "… and what changed in the first 100", 200),
        _below(results, "version/new", "new version with 1,000 changed frames, writes included", 200),
        _growth(results),
        _below(results, "version/diff", "its diff", 15),
    ]


def _reading(results: Results) -> list[Line]:
    counts = _all(results, "statistics")
    by_native = _ratio(counts, NATIVE)
    return [
        Line("label statistics under a filter", "5x native", counts, _ratios(_ratio(counts, PARQUET), by_native),
             by_native >= 5, _ms),
        _below(results, "page/first", "first page of 100 frames", 50),
        _below(results, "page/far", "the page at the far end", 50),
        _below(results, "page/sorted", "first page sorted by a number", 200),
        _below(results, "resolve", "resolve a draft view of three weighted rules", 500),
        _below(results, "view/start", "start in the middle of a published one, 100 frames", 50),
    ]  # fmt: skip


def _writing(results: Results) -> list[Line]:
    return [
        _least(results, "write/messages", "bulk write, a message a frame", 15_000),
        _least(results, "write/columnar", "bulk write, columnar batches", 40_000),
        _below(results, "visible", "an edit is visible", 50),
    ]


def _many(results: Results) -> list[Line]:
    throughput = _all(results, "many/throughput")
    ours, parquet = throughput.get(OURS), throughput.get(PARQUET)
    if not ours or not parquet:
        return []
    light: dict[str, float | None] = {
        name: percentile(results["measured"][name]["samples"].get("many/light"), 99)
        for name in (OURS, PARQUET, NATIVE) if name in results["measured"]
    }  # fmt: skip
    return [
        Line("16 clients, seven light queries to a heavy one", "20x Parquet", throughput, f"{ours / parquet:.1f}x",
             ours >= 20 * parquet, lambda value: f"{value:,.0f} /s"),
        Line("… p99 of the light ones", "250 ms", light, "", (light[OURS] or 0) < 250, _ms),
    ]  # fmt: skip


def _footprint(results: Results) -> list[Line]:
    disk, memory = _all(results, "disk"), _all(results, "memory/peak")
    times = (disk[OURS] or 0) / (disk[PARQUET] or 1)
    return [
        Line("disk, everything included", "4x the Parquet", disk, f"{times:.1f}x", times <= 4, _bytes),
        Line("anonymous memory of the service, peak", "4 GiB", memory, "", (memory[OURS] or 0) < 4 << 30, _bytes),
        _below(results, "start", "start to the first answer", 3_000),
    ]


def _growth(results: Results) -> Line:
    growth = _all(results, "version/growth")
    return Line("… what it takes on disk", "1 MB", growth, "", (growth[OURS] or 0) < 1e6, _bytes)


def _below(results: Results, row: str, what: str, limit_ms: float) -> Line:
    measured = _all(results, row)
    ours = measured[OURS]
    ratio = f"{measured[PARQUET] / ours:.1f}x" if ours and measured.get(PARQUET) else ""
    return Line(what, _ms(limit_ms), measured, ratio, None if ours is None else ours < limit_ms, _ms)


def _more(results: Results, row: str, base: str, what: str, limit_ms: float) -> Line:
    ours = (of(results, row) or 0) - (of(results, base) or 0)
    return Line(what, f"{_ms(limit_ms)} more", {OURS: ours}, "", ours < limit_ms, _ms)


def _least(results: Results, row: str, what: str, least: float) -> Line:
    measured = _all(results, row)
    ours = measured[OURS]
    met = None if ours is None else ours >= least
    return Line(what, f"{least:,} frames/s", measured, "", met, lambda value: f"{value:,.0f} /s")


def _all(results: Results, row: str) -> dict[str, float | None]:
    return {name: of(results, row, name) for name in (OURS, *PEERS)}


def _ratio(measured: Mapping[str, float | None], peer: str) -> float:
    ours, theirs = measured.get(OURS), measured.get(peer)
    return theirs / ours if ours and theirs else float("nan")


def _ratios(by_parquet: float, by_native: float) -> str:
    return f"{by_parquet:.1f}x, {by_native:.1f}x"


def percentile(samples: list[float] | None, percent: int) -> float | None:
    return statistics.quantiles(samples, n=100)[percent - 1] if samples and len(samples) > 1 else None


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return "" if value is None else show(value)


def _ms(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.3g} ms"


def _bytes(value: float) -> str:
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.1f} MB"
