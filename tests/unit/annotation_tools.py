"""Folders of real files for tests of annotation formats, and frames to write and read back."""

from __future__ import annotations

import io
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from hypothesis import reject
from hypothesis import strategies as st
from PIL import Image

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.agreement import Agreement
from hyperdatasets.formats.entry import to_frame
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media import probe_file
from hyperdatasets.formats.reading import Format, Reading
from hyperdatasets.formats.writing import Placed, Subject, WrittenFormat

WIDTH, HEIGHT = 40, 30


def picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Each picture has other pixels, which its name decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = zlib.crc32(path.name.encode()).to_bytes(4, "big")[:3]
    Image.new("RGB", size, tuple(colour)).save(path, "PNG")


def read_all(path: Path, fmt: Format) -> tuple[dict[str, dict[str, Any]], Ledger]:
    """Relative path -> normalised frame, and the ledger."""
    ledger = Ledger(fmt.name)
    reading = Reading(Folder(path), ledger)
    frames = {}
    for entry in fmt.read(reading):
        media, problem = probe_file(path / entry.path)
        assert media, problem
        made = to_frame(entry, media, uri_of=lambda name: f"file:{name}", ledger=ledger, agreement_rules=Agreement())
        frame, _ = normalise(made.frame)
        for kind, count in made.kept.items():
            ledger.keep(kind, count)
        frames[entry.path] = frame
    return frames, ledger


def told(ledger: Ledger, weight: str = "") -> list[tuple[str, str, int]]:
    """Kind, reason and sum of counts of all notes, sorted."""
    groups = ledger.groups()
    return sorted(
        (kind, reason, sum(note.count for note in notes))
        for (of_weight, kind, reason), notes in groups.items()
        if not weight or weight == of_weight
    )


class ToFolder:
    """An output that writes into a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: list[BinaryIO] = []

    def main(self, name: str) -> BinaryIO:
        return self.file(name)

    def file(self, path: str) -> BinaryIO:
        (self.path / path).parent.mkdir(parents=True, exist_ok=True)
        self._open.append((self.path / path).open("xb"))
        return self._open[-1]

    def waiting(self) -> BinaryIO:
        return io.BytesIO()

    def close(self) -> None:
        for file in self._open:
            file.close()


def write(path: Path, written: WrittenFormat, frames: list[dict[str, Any]], labels: Mapping[str, int]) -> Ledger:
    """Exports frames; the file of the source `s` of frame number n is `n.png` (or what its uri ends with)."""
    ledger, output = Ledger(written.name), ToFolder(path)
    writer = written.start(output, Subject("test", labels), ledger)
    for number, frame in enumerate(frames):
        names = {}
        for source in frame["sources"]:
            suffix = Path(source["uri"]).suffix or ".png"
            names[source["id"]] = f"{written.pictures}/{number}-{source['id']}{suffix}".lstrip("/")
            for mask in source.get("masks", ()):
                names[f"{source['id']}/{mask['id']}"] = f"masks/{number}-{mask['id']}.png"
        writer.add(Placed(frame, names))
    writer.finish()
    output.close()
    return ledger


def png(bitmap: Any, mode: str = "L") -> bytes:
    out = io.BytesIO()
    Image.fromarray(bitmap).convert(mode).save(out, "PNG")
    return out.getvalue()


TEXTS = st.text(max_size=8) | st.sampled_from(["true", "3", " x ", "a\nb", "\r", "\x00\x85", "\ufffe", "<&\"'>"])
LABELS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=8) | st.sampled_from(
    ["cat", "dog"]
)
_VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.none()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5,
)  # fmt: skip
_NAMES = TEXTS | st.sampled_from([
    "occluded", "z_order", "source", "group_id", "track", "shape", "visibility", "keypoint_names", "label", "from_name",
    "annotator", "captions", "score", "flags", "text", "image", "id", "rotation", "ground_truth",
])  # fmt: skip
METAS = st.dictionaries(_NAMES, _VALUES, max_size=3)
_X, _Y = st.floats(0, WIDTH - 1), st.floats(0, HEIGHT - 1)
_POINT = st.tuples(_X, _Y)
_RINGS = st.lists(_POINT, min_size=3, max_size=6).map(lambda points: [part for point in points for part in point])
_SIDE = st.floats(1e-3, 20)


def _squares(at: tuple[int, int]) -> list[list[float]]:
    x, y = at
    return [[x, y, x + 3, y, x + 3, y + 3, x, y + 3], [x + 1, y + 1, x + 2, y + 1, x + 2, y + 2, x + 1, y + 2]]


PLANE = st.one_of(
    st.tuples(_X, _Y, _SIDE, _SIDE).map(lambda box: {"box": list(box)}),
    st.tuples(_X, _Y, _SIDE, _SIDE, st.floats(-360, 360)).map(lambda box: {"box": list(box)}),
    st.lists(_RINGS, min_size=1, max_size=3).map(lambda rings: {"polygon": rings}),
    st.tuples(st.integers(0, 30), st.integers(0, 20)).map(lambda at: {"polygon": _squares(at)}),
    st.tuples(_X, _Y, _SIDE, _SIDE, st.floats(-360, 360)).map(lambda ellipse: {"ellipse": list(ellipse)}),
    st.lists(_POINT, min_size=1, max_size=8).map(lambda points: {"keypoints": [x for at in points for x in at]}),
)
ELSEWHERE = st.one_of(
    st.lists(st.integers(0, 255), min_size=3, max_size=3).map(lambda colour: {"mask": colour}),
    st.lists(st.integers(0, 1 << 40), min_size=2, max_size=2).map(lambda span: {"span": sorted(span)}),
    st.lists(st.floats(-9, 9), min_size=9, max_size=9).map(lambda points: {"polygon3d": points}),
    st.lists(st.floats(0, 9), min_size=10, max_size=10).map(lambda box: {"box3d": box}),
)
_SPECIAL = st.sampled_from([
    {"geometry": {"keypoints": [1.5, 2.0, 3.0, 4.25]}, "meta": {"keypoint_names": ["a", "b"], "visibility": [2, 0]}},
    {"geometry": {"keypoints": [float(n) for n in range(16)]}, "meta": {"shape": "cuboid", "occluded": True}},
    {"geometry": {"keypoints": [1.0, 2.0, 3.0, 4.0]}, "meta": {"shape": "polyline", "z_order": 3}},
    {"geometry": {"polygon": [[1.0, 1.0, 3.0, 1.0, 3.0, 4.0, 1.0, 4.0]]}, "meta": {"shape": "mask", "source": "auto"}},
    {"geometry": {"box": [1.0, 2.0, 3.0, 4.0, 0.0]}, "meta": {"group_id": 7, "occluded": "1", "track": 3}},
    {"meta": {"from_name": "sort", "annotator": 3}},
])  # fmt: skip


@st.composite
def annotations(draw: st.DrawFn, geometries: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    one: dict[str, Any] = {"labels": draw(st.lists(LABELS, min_size=1, max_size=3))}
    if draw(st.booleans()):
        one |= draw(_SPECIAL)
    else:
        one["meta"] = draw(METAS)
        if draw(st.booleans()) and (geometry := draw(geometries)):
            one["geometry"] = geometry
    for name, values in {"confidence": st.floats(0, 1), "origin": LABELS, "sources": st.just(["default"])}.items():
        if draw(st.booleans()):
            one[name] = draw(values)
    return one


@st.composite
def frames(draw: st.DrawFn, geometries: st.SearchStrategy[dict[str, Any]], source: Mapping[str, Any]) -> dict[str, Any]:
    """A normalised frame with one source."""
    found = draw(st.lists(annotations(geometries), max_size=4))
    if found and draw(st.booleans()):
        found.append(dict(found[0]))  # equal ones have ids that count
    if found and draw(st.booleans()):
        found[0] = found[0] | {"id": draw(LABELS)}
    frame: dict[str, Any] = {"sources": [dict(source)], "annotations": found, "meta": draw(METAS)}
    if draw(st.booleans()):
        frame["meta"]["split"] = draw(TEXTS | st.sampled_from(["train", "valid", "Default", "default"]))
    if draw(st.booleans()):
        frame |= {"context_id": draw(LABELS), "timestamp": draw(st.integers(-(1 << 63), (1 << 63) - 1))}
    try:
        return normalise(frame)[0]  # type: ignore[return-value]
    except InvalidFrame:  # a shape that lies wholly outside of the picture
        reject()


def comparable(frame: Mapping[str, Any]) -> dict[str, Any]:
    """What must come back: all but the frame's id and its files."""
    return {key: value for key, value in frame.items() if key not in {"id", "sources"}}
