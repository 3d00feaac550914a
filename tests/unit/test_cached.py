"""Properties that are computed once: for each instance, and none waits for another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from hyperdatasets.core.cached import cached_property

_SOON_S = 20.0


@dataclass(frozen=True, eq=False)
class Answer:
    waits_for: Answer | None = None
    begun: threading.Event = field(default_factory=threading.Event)
    computed: list[int] = field(default_factory=list)

    @cached_property
    def value(self) -> int:
        """Forty-two, when the other one has it."""
        self.computed.append(1)
        self.begun.set()
        if self.waits_for is not None:
            assert self.waits_for.computed_at_last.wait(_SOON_S)
        return 42

    @cached_property
    def computed_at_last(self) -> threading.Event:
        return threading.Event()


def test_a_value_is_computed_once() -> None:
    answer = Answer()
    assert (answer.value, answer.value, answer.computed) == (42, 42, [1])
    assert Answer.value.__doc__ == "Forty-two, when the other one has it."


def test_instances_do_not_wait_for_one_another() -> None:
    one = Answer()
    event, other = one.computed_at_last, Answer(waits_for=one)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(lambda: other.value)
        assert other.begun.wait(_SOON_S)
        assert one.value == 42
        event.set()
        assert waiting.result(_SOON_S) == 42
