"""What one position of an order delivers: a frame, a clip (a run of frames of one context), or a frame with one ROI.

Frames are known by their place in base order: ascending (dataset, revision) over all that is selected. All is
arithmetic on columns, so that ten million frames are put in order in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.core.dataview import MAX_CLIP, Clip

Places = NDArray[np.int64]
Kind = Literal["frame", "clip", "roi"]
_WIDE = 64  # bytes of an id up to which ids are compared as an array
_LAST_MS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class FrameKeys:
    """What the sequential order compares; frames stand in base order, each column has shape (n,).

    Attributes:
        contexts: number of the context among all, by UTF-8 bytes from 1 on; 0 without one.
        times: timestamps; where `timed` is False there is none.
        datasets: the dataset's number in the view.
        ids: frame ids (UTF-8) of some places; asked only for frames that are equal in all else.
    """

    contexts: Places
    times: Places
    timed: NDArray[np.bool_]
    datasets: Places
    ids: Callable[[Places], Sequence[bytes]]

    def at(self, places: Places) -> FrameKeys:
        """The keys of some of the frames."""
        return FrameKeys(
            self.contexts[places], self.times[places], self.timed[places], self.datasets[places],
            lambda chosen: self.ids(places[chosen]),
        )  # fmt: skip


def sequence(keys: FrameKeys) -> Places:
    """Places in sequential order: by context, time (a missing one last), dataset, id, revision; shape (n,)."""
    times = np.where(keys.timed, keys.times, 0)
    order = np.lexsort((keys.datasets, times, ~keys.timed, keys.contexts))
    columns = (keys.contexts[order], times[order], keys.timed[order], keys.datasets[order])
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in columns:
        same &= column[1:] == column[:-1]
    if same.any():
        tied = np.flatnonzero(np.append(same, [False]) | np.insert(same, 0, [False]))
        groups = np.cumsum(np.concatenate([[True], ~same]))[tied]
        order[tied] = order[tied][np.lexsort((_byte_ranks(keys.ids(order[tied])), groups))]
    return order.astype(np.int64)


def clips(keys: FrameKeys, clip: Clip) -> Places:
    """First place of each clip among frames in sequential order, and their number at the end; shape (clips + 1,).

    A clip ends at another context, after `frames` frames, before a frame `length_ms` or more after its first, and
    before a gap of more than `max_gap_ms`. A frame without a context is a clip of its own, and so is one without a
    timestamp where a length or a gap is given.
    """
    size = len(keys.contexts)
    if not size:
        return np.zeros(1, np.int64)
    breaks = (keys.contexts[1:] != keys.contexts[:-1]) | (keys.contexts[1:] == 0)
    if clip.length_ms is not None or clip.max_gap_ms is not None:
        breaks |= ~(keys.timed[1:] & keys.timed[:-1])
    if clip.max_gap_ms is not None:
        gaps = (keys.times[1:] - keys.times[:-1]).view(np.uint64)  # a gap may be wider than a signed number holds
        breaks |= gaps > np.uint64(clip.max_gap_ms)
    runs = np.concatenate([[0], np.flatnonzero(breaks) + 1, [size]]).astype(np.int64)
    if clip.length_ms is not None:
        return _cut_by_length(keys.times, runs, clip.length_ms, clip.frames or MAX_CLIP)
    within = np.arange(size, dtype=np.int64) - np.repeat(runs[:-1], np.diff(runs))
    return np.append(np.flatnonzero(within % (clip.frames or MAX_CLIP) == 0), size)


@dataclass(frozen=True)
class UnitTable:
    """What the units of a site deliver, and their sequential order: follows from its selection.

    Attributes:
        kind: `frame`: a unit is a frame, by its place. `clip`: clip u has the frames of `frames` from `marks[u]` to
            before `marks[u + 1]`. `roi`: unit u is frame `frames[u]` with annotation `marks[u]` of it alone.
        ranks: the units in sequential order; empty if they are numbered in it (as clips are), or the view is random.
        rules: per rule its units, ascending (the clips that hold a frame of it); empty if all frames of the rule are
            its units, or all units are.
    """

    kind: Kind = "frame"
    frames: Places = field(default_factory=lambda: np.zeros(0, np.int64))
    marks: Places = field(default_factory=lambda: np.zeros(0, np.int64))
    ranks: Places = field(default_factory=lambda: np.zeros(0, np.int64))
    rules: tuple[Places, ...] = ()

    @property
    def size(self) -> int:
        """Number of clips or pairs; frames are not counted here."""
        return max(len(self.marks) - 1, 0) if self.kind == "clip" else len(self.marks)


def _cut_by_length(times: Places, runs: Places, length_ms: int, frames: int) -> Places:
    starts: list[int] = []
    for first, end in zip(runs[:-1].tolist(), runs[1:].tolist(), strict=True):
        at = first
        while at < end:
            starts.append(at)
            within = times[at:end]
            after = min(int(within[0]) + length_ms, _LAST_MS)
            at += min(frames, max(1, int(np.searchsorted(within, after))))
    return np.array([*starts, runs[-1]], np.int64)


def _byte_ranks(texts: Sequence[bytes]) -> Places:
    """The number of each text among the distinct ones, by bytes."""
    if max(map(len, texts)) > _WIDE:
        numbered = {text: number for number, text in enumerate(sorted(set(texts)))}
        return np.array([numbered[text] for text in texts], np.int64)
    escaped = [text.replace(b"\0", b"\0\xff") for text in texts]  # an array's texts end before their last zero bytes
    _, numbers = np.unique(np.array(escaped, dtype=np.bytes_), return_inverse=True)
    return numbers.astype(np.int64)
