"""`make bench-engine`: the engine's goals, beside DuckDB, Lance and SQLite in the same run on the same data.

python -m benchmarks.engine [--frames 1000000] [--folder build/bench-engine] [--plot docs/engine.svg]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.engine import answers, generator, ours, plot, table
from benchmarks.engine.peers import measure as peers
from benchmarks.engine.questions import Measured, step


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.engine", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000, help="frames to generate; 7 ROIs each on average")
    parser.add_argument("--folder", type=Path, default=Path("build/bench-engine"), help="work folder, kept")
    parser.add_argument("--runs", type=int, default=7, help="draws a question")
    parser.add_argument("--seconds", type=float, default=15, help="of many clients; 0 = leave them out")
    parser.add_argument("--peers", default="", help="only these, with commas between; default: all for this size")
    parser.add_argument("--loaded", action="store_true", help="ask the service as the last run loaded it")
    parser.add_argument("--plot", type=Path, help="write an SVG over all sizes measured in this folder")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve() / str(arguments.frames)
    names = arguments.peers.split(",") if arguments.peers else _names(arguments.frames)
    results = run(
        folder, arguments.frames, names=names, runs=arguments.runs, seconds=arguments.seconds, loaded=arguments.loaded
    )
    print(f"\n{table.markdown(results)}\n\ndisk: {results['parts']}\nmemory: {results['memory']}")
    if arguments.plot:
        found = [json.loads(path.read_text()) for path in sorted(folder.parent.glob("*/results.json"))]
        plot.write(arguments.plot, found)
    return 0


def run(
    folder: Path, count: int, *, names: list[str], runs: int, seconds: float, loaded: bool = False
) -> dict[str, Any]:
    """Measures everything and writes `results.json`; raises WrongAnswer if any two systems disagree."""
    step(f"{count:,} frames", lambda: generator.write_parquet(folder, count))
    measured: dict[str, Measured] = {}
    for name in names:
        measured[name] = step(name, lambda n=name: peers.measure(n, folder, count, runs=runs, seconds=seconds))
    measured["ours"] = ours.measure(folder, count, runs=runs, seconds=seconds, loaded=loaded)
    compared = answers.compare(measured)
    print(f"{compared:,} answers compared, all equal", file=sys.stderr)
    (memory,), (parts,) = (measured["ours"].answers[row] for row in ("memory", "parts"))
    results = {
        "frames": count, "when": time.strftime("%Y-%m-%d"), "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(), "compared": compared, "memory": memory, "parts": parts,
        "measured": {name: {"samples": asdict(each)["samples"]} for name, each in measured.items()},
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return results


def _names(count: int) -> list[str]:
    return [*peers.EVERY_SIZE, *(peers.SMALL_ONLY if count <= peers.SMALL else ())]


if __name__ == "__main__":
    sys.exit(main())
