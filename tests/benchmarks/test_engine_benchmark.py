"""The engine's benchmark on few frames: its whole path, and that ours and the peers answer alike; no timing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
pytest.importorskip("duckdb", reason="the benchmark's peers are an extra: pip install 'hyperdatasets[bench]'")
pytest.importorskip("pyarrow", reason="the benchmark's peers are an extra: pip install 'hyperdatasets[bench]'")


def test_the_benchmark_on_few_frames_compares_every_answer(tmp_path: Path) -> None:
    from benchmarks.engine import plot, table
    from benchmarks.engine.__main__ import run

    results = run(tmp_path, 600, names=["duckdb_parquet", "duckdb_native", "sqlite"], runs=1, seconds=0)
    assert results["compared"] > 50
    shown = table.markdown(results)
    assert shown.count("first evaluation") == 8
    plot.write(tmp_path / "plot.svg", [results])
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")


def test_a_wrong_answer_is_noticed() -> None:
    from benchmarks.engine.answers import WrongAnswer, compare
    from benchmarks.engine.questions import Measured

    ours, peer = Measured(), Measured()
    ours.answer("filter/car", 7)
    ours.answer("again/car", 7)
    peer.answer("filter/car", 7)
    assert compare({"ours": ours, "duckdb_parquet": peer}) == 2
    ours.answers["again/car"] = [8]
    with pytest.raises(WrongAnswer, match="again/car, draw 0: ours 8"):
        compare({"ours": ours, "duckdb_parquet": peer})
