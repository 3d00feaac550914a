"""Every answer of ours against every peer's: a wrong one fails the benchmark."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.engine.questions import Measured

_NOT_ANSWERS = ("memory", "parts", "start")


class WrongAnswer(Exception):
    """Two systems disagree about the same question on the same data."""


def compare(measured: Mapping[str, Measured]) -> int:
    """Raises WrongAnswer; returns how many answers were compared.

    The same again must equal the first answer; after edits DuckDB native, edited alike, tells what is right.
    """
    ours = measured["ours"].answers
    expected = {name: each.answers for name, each in measured.items() if name != "ours"}
    expected["the first evaluation"] = {
        row.replace("filter/", "again/"): listed for row, listed in ours.items() if row.startswith("filter/")
    }
    compared = 0
    for system, answers in expected.items():
        for row, listed in answers.items():
            if row not in ours:
                raise WrongAnswer(f"{row}: answered by {system}, not by ours")
            for number, (right, given) in enumerate(zip(listed, ours[row], strict=True)):
                if right != given:
                    raise WrongAnswer(f"{row}, draw {number}: ours {given!r:.200}, {system} {right!r:.200}")
                compared += 1
    unchecked = [row for row in ours if row not in _NOT_ANSWERS and not any(row in each for each in expected.values())]
    if unchecked:
        raise WrongAnswer(f"nobody checked {', '.join(unchecked)}")
    return compared
