"""How many examples a property is tried with: `make check` asks a fifth of them, `make prove` 21 times as many."""

from __future__ import annotations

from typing import Any

from hypothesis import settings

_OF_MAKE_TEST = 100  # examples of a property that says nothing, by the profile that `make test` uses


def examples(count: float = _OF_MAKE_TEST, **more: Any) -> settings:
    """Settings for `count` examples in `make test`, and in proportion in the other profiles of `tests/conftest.py`.

    Give no `max_examples` to a property: it would be the same number in each profile.
    """
    asked = count * settings().max_examples / _OF_MAKE_TEST
    return settings(max_examples=max(1, round(asked)), **more)
