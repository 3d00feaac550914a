"""Tracebacks of our own errors: the frames of the user's code, without those of this package.

Python's own report (scripts, threads, the interactive prompt), IPython's and pytest's are shortened once `shorten` was
called; errors of other kinds keep all their frames. Nothing happens before an error is made or reported.
"""

from __future__ import annotations

import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

_PACKAGE = __name__.partition(".")[0]
_BETWEEN = {"grpc", "google", "concurrent", "contextlib", "functools", "threading"}  # called by us, calling us
_HIDDEN = "__tracebackhide__"  # the name that pytest looks for among the globals of a module


class _Reports:
    """Whether reports are shortened, and of which errors."""

    short = False
    kind: type[BaseException] = BaseException


def shorten(kind: type[BaseException]) -> None:
    """Shortens the reports of these errors from now on."""
    hooked = _Reports.kind is kind
    _Reports.short, _Reports.kind = True, kind
    if not hooked:
        sys.excepthook = _excepthook(sys.excepthook)
        threading.excepthook = _thread_hook(threading.excepthook)
        kind._render_traceback_ = _in_ipython  # type: ignore[attr-defined]  # IPython asks errors for it


def show_whole() -> None:
    """Reports have all frames again."""
    _Reports.short = False


def mark() -> None:
    """Marks the modules of the current call stack, so that pytest hides their frames from reports of our errors.

    Other errors keep all frames, since pytest asks `_is_hidden` for each report.
    """
    frame = inspect.currentframe() if _Reports.short and "_pytest" in sys.modules else None
    while frame is not None:
        if _is_ours(frame) or _root(frame) in _BETWEEN:
            frame.f_globals[_HIDDEN] = _is_hidden
        frame = frame.f_back


def users(frames: TracebackType | None) -> TracebackType | None:
    """The same traceback without frames of this package; unchanged if none would remain."""
    kept: TracebackType | None = None
    for each in reversed(list(_users(frames))):
        kept = TracebackType(kept, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return kept or frames


def _users(frames: TracebackType | None) -> Iterator[TracebackType]:
    within = False
    while frames is not None:
        ours = _is_ours(frames.tb_frame)
        if not ours and not (within and _root(frames.tb_frame) in _BETWEEN):
            yield frames
        within, frames = within or ours, frames.tb_next


def _is_ours(frame: FrameType) -> bool:
    return _root(frame) == _PACKAGE


def _root(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _is_hidden(reported: Any) -> bool:
    """Asked by pytest for each frame; `reported` is its ExceptionInfo."""
    return _is_shortened(reported.value)


def _is_shortened(error: BaseException | None) -> bool:
    return _Reports.short and isinstance(error, _Reports.kind)


def _shortened(error: BaseException) -> None:
    """Shortens the traceback of an error and of its causes."""
    seen: BaseException | None = error
    while seen is not None:
        if _is_shortened(seen):
            seen.__traceback__ = users(seen.__traceback__)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _excepthook(following: Callable[..., Any]) -> Callable[..., Any]:
    def hook(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
        _shortened(error)
        following(kind, error, error.__traceback__ if _is_shortened(error) else frames)

    return hook


def _thread_hook(following: Callable[..., Any]) -> Callable[..., Any]:
    def hook(reported: threading.ExceptHookArgs) -> None:
        error = reported.exc_value
        if error is not None:
            _shortened(error)
        if error is not None and _is_shortened(error):
            reported = threading.ExceptHookArgs((type(error), error, error.__traceback__, reported.thread))
        following(reported)

    return hook


def _in_ipython(error: BaseException) -> list[str]:
    """The lines that IPython shows, in its own style; other shells that ask get those of Python."""
    frames = users(error.__traceback__) if _is_shortened(error) else error.__traceback__
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None:
        return traceback.format_exception(type(error), error, frames)
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, frames, tb_offset=1)
    return lines
