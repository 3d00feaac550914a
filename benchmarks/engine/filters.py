"""The eight filters, each with constants drawn afresh: as our queries and as SQL over the same flat tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.engine.generator import CITIES, DAYS, DEVICES, FIRST_DAY, OBJECTS, WEATHERS, sets_with


@dataclass(frozen=True, slots=True)
class Filter:
    """One question about frames, in SQL and in our language.

    Attributes:
        on_frames, on_rois: SQL conditions on a row of each table; empty = none.
        count: so many such ROIs (inclusive); a rule of a data view for us, no query.
        without: no such ROI.
    """

    name: str
    on_frames: str = ""
    on_rois: str = ""
    count: tuple[int, int] | None = None
    without: bool = False
    frame_query: str = ""
    roi_query: str = ""

    @property
    def frames_sql(self) -> str:
        """Selects the numbers of its frames, each once."""
        if not self.on_rois:
            return f"SELECT frame FROM frames WHERE {self.on_frames}"
        if self.count:
            having = f"count(*) BETWEEN {self.count[0]} AND {self.count[1]}"
            return f"SELECT frame FROM rois WHERE {self.on_rois} GROUP BY frame HAVING {having}"
        if not (self.on_frames or self.without):
            return f"SELECT DISTINCT frame FROM rois WHERE {self.on_rois}"
        exists = f"EXISTS (SELECT 1 FROM rois r WHERE r.frame = f.frame AND {self.on_rois})"
        return f"SELECT frame FROM frames f WHERE {self.on_frames or 'true'} AND {'NOT ' * self.without}{exists}"

    @property
    def count_sql(self) -> str:
        return f"SELECT count(*) FROM ({self.frames_sql})"

    def rule(self) -> dict[str, Any]:
        """As a rule of a data view."""
        rule = {"query": self.roi_query} | ({"count": list(self.count)} if self.count else {})
        return {"frame_query": self.frame_query, "roi_rules": [rule] if self.roi_query else []}


Rng = np.random.Generator


def label(rng: Rng) -> Filter:
    name = _object(rng)
    return Filter("car", on_rois=_sets(name), roi_query=f'label.keyword:"{name}"')


def occluded(rng: Rng) -> Filter:
    name, least = _object(rng), _confidence(rng)
    return Filter(
        "car+occluded, conf>.8", on_rois=f"{_sets(name, 'occluded')} AND confidence > {least}",
        roi_query=f'label.keyword:"{name}" AND label.keyword:"occluded" AND confidence:>{least}',
    )  # fmt: skip


def between(rng: Rng) -> Filter:
    name, low = _object(rng), int(rng.integers(1, 4))
    count = low, low + int(rng.integers(1, 4))
    return Filter("2-4 cars", on_rois=_sets(name), count=count, roi_query=f'label.keyword:"{name}"')


def without(rng: Rng) -> Filter:
    name = _object(rng)
    return Filter("no person", on_rois=_sets(name), without=True, frame_query=f'NOT rois.label.keyword:"{name}"')


def rain_and_city(rng: Rng) -> Filter:
    weather, city = rng.choice(WEATHERS[:5]), rng.choice(CITIES[:24])
    return Filter(
        "rain & city", on_frames=f"weather = '{weather}' AND city = '{city}'",
        frame_query=f'meta.weather.keyword:"{weather}" AND meta.city.keyword:"{city}"',
    )  # fmt: skip


def score_and_dates(rng: Rng) -> Filter:
    least = round(float(rng.uniform(0.3, 0.8)), 3)
    first = FIRST_DAY + dt.timedelta(days=int(rng.integers(0, DAYS - 200)))
    last = first + dt.timedelta(days=int(rng.integers(30, 200)))
    return Filter(
        "score & date range", on_frames=f"score >= {least} AND captured BETWEEN '{first}' AND '{last}'",
        frame_query=f"meta.score:>={least} AND meta.captured:[{first} TO {last}]",
    )  # fmt: skip


def device(rng: Rng) -> Filter:
    name = rng.choice(DEVICES)
    return Filter("device", on_frames=f"device = '{name}'", frame_query=f'meta.device.keyword:"{name}"')


def mixed(rng: Rng) -> Filter:
    name, least, weather = _object(rng), _confidence(rng), rng.choice(WEATHERS[:5])
    score = round(float(rng.uniform(0.3, 0.7)), 3)
    return Filter(
        "car>.5 & rain & score>.5",
        on_frames=f"weather = '{weather}' AND score > {score}", on_rois=f"{_sets(name)} AND confidence > {least}",
        frame_query=f'meta.weather.keyword:"{weather}" AND meta.score:>{score}',
        roi_query=f'label.keyword:"{name}" AND confidence:>{least}',
    )  # fmt: skip


EIGHT: tuple[Callable[[Rng], Filter], ...] = (
    label, occluded, between, without, rain_and_city, score_and_dates, device, mixed,
)  # fmt: skip


def drawn(make: Callable[[Rng], Filter], times: int, *, seed: int) -> list[Filter]:
    """So many different ones (labels are few: no more than there are)."""
    rng = np.random.default_rng([seed, *make.__name__.encode()])
    found: dict[str, Filter] = {}
    while len(found) < times:
        new = make(rng)
        found.setdefault(new.frames_sql, new)
    return list(found.values())


def _object(rng: Rng) -> str:
    return OBJECTS[int(rng.integers(0, 12))]


def _confidence(rng: Rng) -> float:
    return round(float(rng.uniform(0.4, 0.9)), 4)


def _sets(*labels: str) -> str:
    return f"set_id IN ({', '.join(map(str, sets_with(*labels)))})"
