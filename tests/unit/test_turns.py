"""Turns of calls that compute: in order, passed on, given up while waiting, and never a deadlock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

from hyperdatasets.core.errors import DeadlineExceeded
from hyperdatasets.engine import deadline, turns
from hyperdatasets.engine.turns import Turns

_SOON_S = 20.0


@pytest.fixture
def start() -> Iterator[Callable[..., Future[Any]]]:
    """Runs a function in a thread of its own."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def test_as_many_compute_as_there_are_places(start: Callable[..., Future[Any]]) -> None:
    all_turns, inside, go_on = Turns(2), threading.Semaphore(0), threading.Event()
    most, now, lock = 0, 0, threading.Lock()

    def call() -> None:
        nonlocal most, now
        with all_turns.turn():
            with lock:
                now += 1
                most = max(most, now)
            inside.release()
            assert go_on.wait(_SOON_S)
            with lock:
                now -= 1

    calls = [start(call) for _ in range(2)]
    for _ in calls:
        assert inside.acquire(timeout=_SOON_S)
    calls += [start(call) for _ in range(4)]
    go_on.set()
    for each in calls:
        each.result(_SOON_S)
    assert most == 2
    assert not all_turns.awaited


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loses its place, however slow the machine is."""
    monkeypatch.setattr(turns, "_STALLED_S", _SOON_S)


@pytest.mark.usefixtures("_patient")
def test_who_computes_for_long_lets_others_in(
    start: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_QUANTUM_S", 0.0)
    all_turns, begun, done = Turns(1), threading.Event(), threading.Event()

    def long() -> None:
        with all_turns.turn():
            begun.set()
            while not done.is_set():
                deadline.check()

    def short() -> None:
        assert begun.wait(_SOON_S)
        with all_turns.turn():
            done.set()

    for each in (start(long), start(short)):
        each.result(_SOON_S)


@pytest.mark.usefixtures("_patient")
def test_those_that_have_just_come_go_first_and_the_long_one_has_its_turn_in_the_end(
    start: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_QUANTUM_S", 0.0)
    all_turns, begun, go_on = Turns(1), threading.Event(), threading.Event()
    order: list[str] = []

    def long() -> None:
        with all_turns.turn():
            begun.set()
            assert go_on.wait(_SOON_S)
            deadline.check()
            order.append("long")

    def short(name: str) -> None:
        with all_turns.turn():
            order.append(name)

    calls = [start(long)]
    assert begun.wait(_SOON_S)
    for number in range(6):
        calls.append(start(short, f"short {number}"))
        while len(all_turns._fresh) <= number:
            assert not calls[-1].done()
    go_on.set()
    for each in calls:
        each.result(_SOON_S)
    assert order == ["short 0", "short 1", "short 2", "short 3", "long", "short 4", "short 5"]


@pytest.mark.usefixtures("_patient")
def test_who_waits_for_another_gives_its_turn_to_it(start: Callable[..., Future[Any]]) -> None:
    all_turns, begun, made = Turns(1), threading.Event(), threading.Event()

    def waiting() -> None:
        with all_turns.turn():
            begun.set()
            with turns.aside():
                assert made.wait(_SOON_S)

    def making() -> None:
        assert begun.wait(_SOON_S)
        with all_turns.turn():
            made.set()

    for each in (start(waiting), start(making)):
        each.result(_SOON_S)
    with all_turns.turn():
        assert not all_turns.awaited


def test_who_never_looks_up_loses_its_place_and_waits_for_another_later(
    start: Callable[..., Future[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_STALLED_S", 0.01)
    monkeypatch.setattr(turns, "_QUANTUM_S", 0.0)
    all_turns, lock, begun, held = Turns(1), threading.Lock(), threading.Event(), threading.Event()

    def stalled() -> None:
        """Waits, in its turn, for a lock whose owner waits for a turn."""
        assert held.wait(_SOON_S)
        with all_turns.turn():
            begun.set()
            with lock:
                deadline.check()

    def owner() -> None:
        with lock:
            held.set()
            assert begun.wait(_SOON_S)
            with all_turns.turn():
                pass

    for each in (start(stalled), start(owner)):
        each.result(_SOON_S)
    with all_turns.turn():
        assert len(all_turns._computing) == 1
    assert not all_turns._computing


def test_time_that_is_not_the_evaluations_own_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def evaluation() -> None:
        nonlocal now
        deadline.begin(5)
        with deadline.uncounted():
            now = 100.0
        deadline.check()
        now = 105.1
        with pytest.raises(DeadlineExceeded, match="stopped after 5 s"):
            deadline.check()

    copy_context().run(evaluation)


def test_outside_of_a_turn_nothing_is_passed_on() -> None:
    turns.pass_on()
    with turns.aside():
        deadline.check()
