"""Two specifications side by side."""

from __future__ import annotations

from hyperdatasets.core.dataview_text import from_yaml, to_plain
from hyperdatasets.core.view_differences import spec_differences


def differences(before: str, after: str) -> dict[str, tuple[object, object]]:
    found = spec_differences(to_plain(from_yaml(before)), to_plain(from_yaml(after)))
    return {each.path: (each.values.get("before", "-"), each.values.get("after", "-")) for each in found}


def test_every_field_at_its_path() -> None:
    before = """
rules: [{frame_query: 'a:1', roi_rules: [{query: car, count: [1, 2]}]}, {frame_query: 'b:1'}]
labels: {car: 1, bus: 2}
iteration: {order: random, limit: 5, clip: {frames: 2}}
tags: [x]
"""
    after = """
rules: [{frame_query: 'a:1', weight: 2, roi_rules: [{query: car, count: [1, 3]}, {query: bus}]}]
labels: {car: 1, bus: 3}
iteration: {order: random, limit: 5, clip: {frames: 4}, seed: 8}
tags: [x, y]
"""
    assert differences(before, after) == {
        "tags": (["x"], ["x", "y"]),
        "rules[0].weight": ("-", 2.0),
        "rules[0].roi_rules[0].count": ([1, 2], [1, 3]),
        "rules[0].roi_rules[1]": ("-", {"query": "bus"}),
        "rules[1]": ({"frame_query": "b:1"}, "-"),
        "labels.bus": (2, 3),
        "iteration.seed": ("-", 8),
        "iteration.clip.frames": (2, 4),
    }
    assert differences(before, before) == {}


def test_true_is_not_one() -> None:
    assert differences("rules: [{}]\ndrop_unmapped: true", "rules: [{}]") == {"drop_unmapped": (True, "-")}
    assert spec_differences({"x": 1}, {"x": True})[0].values == {"before": 1, "after": True}
