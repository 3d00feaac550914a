"""What a node remembers, asked by several threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from node.store import NodeStore


def test_a_counter_that_many_raise_at_once_never_passes_the_value(tmp_path: Path) -> None:
    store, together = NodeStore(tmp_path / "node.db"), threading.Barrier(8)

    def raised(name: str) -> int:
        together.wait()
        return store.raise_to(name, 7)

    with ThreadPoolExecutor(8) as pool:
        for number in range(50):
            assert sorted(pool.map(raised, [f"head{number}"] * 8)) == [0, *[7] * 7]
    assert store.raise_to("head0", 3) == 7
    assert store.raise_to("head0", 9) == 7
    assert store.raise_to("head0", 9) == 9
    store.close()
