"""The page about policies says what the parser knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node import leaving, policy

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
NOW = 1_800_000_000_000


def request(**other: object) -> policy.Request:
    asked = {
        "datasets": {"d1": "clinic/cells"}, "principal": "trainer", "purpose": "research", "now_ms": NOW,
        "local_columns": ("age",),
    }  # fmt: skip
    return policy.Request(**(asked | other))


def test_the_page_has_every_key() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    words = {leaving.FOLDER_LABELS, leaving.MASK_LABELS, leaving.SPLIT}
    assert rows == {*policy.KEYS, *words, "publish_fields"}
    assert f"[[{policy.SECTION}]]" in PAGE


def test_the_example_of_the_page_is_a_policy(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / policy.FILE).write_text(example)
    assert policy.decide(policy.load(tmp_path / policy.FILE), request(now_ms=0)).allowed
    assert set(policy.KEYS) == set(re.findall(r"^(\w+) = ", example, re.MULTILINE))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"datasets": {"d2": "clinic/x"}}, "dataset `clinic/x` is not listed in datasets"),
        ({"principal": "eve"}, "principal `eve` is not listed in principals"),
        ({"purpose": "care"}, "purpose `care` is not listed in purposes"),
        ({"local_columns": ("age", "patient")}, "local column `patient` is not listed in local_columns"),
    ],
)
def test_a_refusal_says_in_which_list_a_name_is_missing(other: dict[str, object], reason: str) -> None:
    rule = policy.Allow("allow-1", ("clinic/cells",), ("trainer",), ("research",), local_columns=("age",))
    decision = policy.decide(policy.Policy((rule,)), request(**other))
    assert decision.reason == f"{reason} of policy.toml"
    assert not decision.allowed
