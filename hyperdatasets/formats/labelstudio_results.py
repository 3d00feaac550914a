"""The results of one annotation or prediction of Label Studio as our annotations and metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hyperdatasets.formats.entry import Item
from hyperdatasets.formats.extension import OWN, restored, seal_of
from hyperdatasets.formats.json_text import is_empty, is_number
from hyperdatasets.formats.labelstudio_shapes import (
    KINDS,
    Shape,
    Size,
    base_type,
    is_region,
    picture_shape,
    span_shape,
)
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.unfit import Unfit

Medium = Literal["picture", "recording", "text"]
UNLABELLED = "regions without a label, kept under the name of their tag"
ROTATED = "regions drawn on a picture that the annotator had turned; kept as if it had not been"
COLLIDES = "values under a name that is taken; the first was kept"
BY_MODEL = "texts and numbers by a model, which have no place"
UNKNOWN_TYPE = "results of a type that is not known"
NO_VALUE = "results without a value"
FURTHER = "regions on a further picture of a task; only the first is read"
STATE = "what the editor shows and how: hidden, locked, sizes of points, copies of marked texts"
DEFAULT_NAMES = {
    "rectangle": "box", "polygon": "polygon", "brush": "brush", "ellipse": "ellipse", "keypoint": "keypoint",
    "span": "span", "choices": "choices", "textarea": "captions",
}  # fmt: skip
"""Names of tags that say no more than the type; so does `label` for regions."""
_READ_APART = frozenset({
    "id", "type", "value", "from_name", "to_name", "original_width", "original_height", "image_rotation", "origin",
    "score", "meta", "item_index", OWN,
})  # fmt: skip
_STATE = frozenset({"hidden", "readonly", "locked", "selected", "highlighted", "source", "area"})
_OF_VALUE = frozenset({
    "x", "y", "height", "rotation", "points", "radiusX", "radiusY", "rle", "format", "start", "end", "choices",
    "rating", "number", "taxonomy", "datetime", "labels",
})  # fmt: skip
_WHERE = frozenset({
    "x", "y", "width", "height", "rotation", "points", "radiusX", "radiusY", "rle", "start", "end", "channel",
})  # fmt: skip
_VALUES = {"rating": "rating", "number": "number", "datetime": "datetime", "textarea": "text"}
_Group = list[tuple[dict[str, Any], str]]  # results and their places, for messages


@dataclass(frozen=True, slots=True)
class About:
    """What results are about, and who made them.

    Attributes:
        size: finds out width and height of the picture, for results that do not state them.
        stated: the size for which annotations were made, as far as it is known.
        origin: the model, of a prediction; score: of the prediction as a whole.
        meta: metadata for every annotation.
    """

    medium: Medium
    size: Callable[[], Size | None]
    stated: Size | None = None
    origin: str = ""
    score: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Read:
    """What results say: annotations, metadata of the frame, sizes for which they were made."""

    items: list[Item] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    sizes: list[Size] = field(default_factory=list)
    state: Counter[str] = field(default_factory=Counter)


def kind_of_result(result: Any) -> Kind:
    found = result.get("type") if isinstance(result, dict) else None
    return KINDS.get(base_type(found), "attributes") if isinstance(found, str) else "attributes"


def seal_of_result(result: Mapping[str, Any]) -> str:
    """Over what says where and what a region is; editors add and change other fields."""
    return seal_of([result.get(key) for key in ("type", "from_name", "value", "score")])


def read_results(results: Sequence[Any], about: About, place: str, ledger: Ledger) -> Read:
    """Results with the same id are one region with several facts."""
    read = Read()
    groups: dict[str, _Group] = {}
    for number, result in enumerate(results, 1):
        where = f"{place}, result {number}"
        if not isinstance(result, dict) or not isinstance(result.get("value", {}), dict):
            ledger.lose("attributes", where, "results that are no objects", f"{result!r:.60}")
            continue
        name = result.get("id")
        groups.setdefault(name if isinstance(name, str) and name else f"\0{number}", []).append((result, where))
    complete = _complete(groups)
    for name, group in groups.items():
        own = group[0][0].get(OWN)
        if isinstance(own, dict) and str(own.get("part_of")) in complete:
            continue
        regions = _regions(group)
        for region in regions:
            _Region(read, about, ledger, whole=name in complete).add(region)
        for result, where in () if regions else group:
            _Fact(read, about, ledger).add(result, where)
    return read


def _regions(group: _Group) -> list[_Group]:
    """Results of one id by the place that they state, which mostly is one; facts belong to the first."""
    regions: list[_Group] = []
    facts: _Group = []
    for result, where in group:
        place = _place(result)
        same = next((each for each in regions if _place(each[0][0]) == place), None)
        if not place:
            facts.append((result, where))
        elif same is None:
            regions.append([(result, where)])
        else:
            same.append((result, where))
    if regions:
        regions[0] += facts
    return regions


def _place(result: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say where a region is; empty for a result that is none."""
    result_type, value = str(result.get("type")), result.get("value", {})
    if not is_region(result_type) or (result_type == "labels" and "start" not in value):
        return {}
    return {"": True} | {name: part for name, part in value.items() if name in _WHERE}


def _complete(groups: Mapping[str, _Group]) -> set[str]:
    """Ids of the first points of key points, of which all other points are there and unchanged."""
    found = set()
    for name, group in groups.items():
        own = group[0][0].get(OWN)
        parts = own.get("parts") if isinstance(own, dict) else None
        if isinstance(parts, dict) and all(
            part in groups and seal_of_result(groups[part][0][0]) == seal for part, seal in parts.items()
        ):
            found.add(name)
    return found


@dataclass(slots=True)
class _Region:
    """One region; `whole` says that it has other points, all of them there."""

    read: Read
    about: About
    ledger: Ledger
    whole: bool

    def add(self, group: _Group) -> None:
        """The first result of the group says where it is."""
        result, place = group[0]
        kind = kind_of_result(result)
        try:
            shape = self._shape(result, place)
        except Unfit as unfit:
            self.ledger.lose(kind, place, unfit.reason, unfit.detail)
            return
        if shape.notice:
            self.ledger.notice(kind, place, shape.notice)
        plain = self._said(result, shape, group, kind, place)
        own = result.get(OWN)
        split = isinstance(own, dict) and ("part_of" in own or ("parts" in own and not self.whole))
        seal = "" if split else seal_of_result(result)  # of key points that lost some, each point is one of its own
        self.read.items.append(
            Item(restored(plain, own, seal, kind=kind, place=place, ledger=self.ledger), kind, place)
        )

    def _shape(self, result: dict[str, Any], place: str) -> Shape:
        value, index = result.get("value", {}), result.get("item_index")
        if index:
            raise Unfit(FURTHER, f"item_index {index!r:.20}")
        if result["type"] == "labels":
            if self.about.medium == "picture":
                raise Unfit("spans on a picture")
            return span_shape(value, seconds=self.about.medium == "recording")
        if self.about.medium != "picture":
            raise Unfit("shapes of a picture on a file that is none")
        if result.get("image_rotation"):
            self.ledger.notice(kind_of_result(result), place, ROTATED, f"{result['image_rotation']!r:.20} degrees")
        return picture_shape(result["type"], value, self._size(result))

    def _size(self, result: Mapping[str, Any]) -> Size:
        width, height = result.get("original_width"), result.get("original_height")
        if type(width) is int and type(height) is int and 0 < width < 1 << 31 and 0 < height < 1 << 31:
            if (width, height) not in self.read.sizes:
                self.read.sizes.append((width, height))
            first = self.about.stated or self.read.sizes[0]
            return (width, height) if "brush" in result["type"] else first  # percent are the same of any size
        if (size := self.about.size()) is None:
            raise Unfit("shapes in percent of a picture whose size is not known")
        return size

    def _said(self, result: dict[str, Any], shape: Shape, group: _Group, kind: Kind, place: str) -> dict[str, Any]:
        labels = [label for each, _ in group for label in _labels(each)]
        if not labels:
            labels = [str(result.get("from_name") or base_type(result["type"]))]
            self.ledger.notice(kind, place, UNLABELLED)
        plain: dict[str, Any] = {"labels": labels, "geometry": shape.geometry}
        meta = dict(self.about.meta) | dict(shape.meta) | _name_of_tag(result)
        for each, where in group:
            _add(meta, self._extras(each), where, self.ledger)
            if not is_region(str(each.get("type"))):
                self._add_fact(each, meta, where)
        return _with_model(plain, meta, result, self.about)

    def _add_fact(self, result: Mapping[str, Any], meta: dict[str, Any], place: str) -> None:
        if (fact := _fact(result)) is not None:
            _add(meta, {_name(result): fact}, place, self.ledger)
        else:
            self.ledger.lose(kind_of_result(result), place, NO_VALUE, str(result.get("type"))[:40])

    def _extras(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Fields that have no meaning here, as metadata."""
        value, more = result.get("value", {}), result.get("meta")
        found = {name: part for name, part in result.items() if name not in _READ_APART | _STATE}
        found |= more if isinstance(more, dict) else {} if is_empty(more) else {"meta": more}
        if not is_empty(result.get("origin")) and result["origin"] != "manual":
            found["source"] = result["origin"]
        if result.get("image_rotation"):
            found["image_rotation"] = result["image_rotation"]
        self.read.state.update(
            name for name in _STATE & result.keys() if not is_empty(result[name]) and result[name] is not False
        )
        for name, part in value.items():
            if name in {"width", "text"} and result["type"] not in _VALUES:
                self.read.state[name] += base_type(str(result["type"])) != "rectangle"
            elif name in {"closed", "channel"}:  # their usual values say nothing
                found |= {} if part is True or (part == 0 and part is not False) else {name: part}
            elif name not in _OF_VALUE and name not in {"width", "text"} and not name.endswith("labels"):
                found[name] = part
        return {name: part for name, part in found.items() if not is_empty(part)}


@dataclass(slots=True)
class _Fact:
    """A result about the whole file."""

    read: Read
    about: About
    ledger: Ledger

    def add(self, result: dict[str, Any], place: str) -> None:
        result_type, kind = str(result.get("type")), kind_of_result(result)
        if result_type in {"choices", "taxonomy"}:
            self._add_labels(result, kind, place)
        elif result_type not in _VALUES:
            known = result_type == "relation"
            reason = "relations between regions" if known else UNKNOWN_TYPE
            self.ledger.lose(kind, place, reason, "" if known else result_type[:40])
        elif (fact := _fact(result)) is None:
            self.ledger.lose(kind, place, NO_VALUE, result_type)
        elif self.about.origin:
            self.ledger.lose(kind, place, BY_MODEL)
        elif result_type == "textarea" and "caption" in _name(result).lower():
            self.read.meta["captions"] = [*self.read.meta.get("captions", []), *_listed(fact)]
        else:
            _add(self.read.meta, {_name(result): fact}, place, self.ledger)

    def _add_labels(self, result: dict[str, Any], kind: Kind, place: str) -> None:
        """A taxonomy is a label for each of its levels."""
        chosen = result.get("value", {}).get(result["type"])
        paths = [chosen] if result["type"] == "choices" else chosen
        if not isinstance(paths, list) or not paths or not all(isinstance(path, list) and path for path in paths):
            self.ledger.lose(kind, place, NO_VALUE, result["type"])
            return
        for path in paths:
            meta = dict(self.about.meta) | _name_of_tag(result)
            if result["type"] == "taxonomy":
                meta["taxonomy"] = path
            plain = _with_model({"labels": path}, meta, result, self.about)
            back = restored(plain, result.get(OWN), seal_of_result(result), kind=kind, place=place, ledger=self.ledger)
            self.read.items.append(Item(back, kind, place))


def _labels(result: Mapping[str, Any]) -> Sequence[Any]:
    found = [part for name, part in result.get("value", {}).items() if name.endswith("labels")]
    return [label for part in found if isinstance(part, list) for label in part]


def _with_model(plain: dict[str, Any], meta: dict[str, Any], result: Mapping[str, Any], about: About) -> dict[str, Any]:
    own, score = result.get("score"), result.get("score") if result.get("score") is not None else about.score
    if own is not None and not is_empty(about.score) and own != about.score:
        meta["prediction_score"] = about.score
    if is_number(score) and 0 <= score <= 1:
        plain["confidence"] = score
    elif not is_empty(score):
        meta["score"] = score
    if about.origin:
        plain["origin"] = about.origin
    return plain | ({"meta": meta} if meta else {})


def _fact(result: Mapping[str, Any]) -> Any:
    """The value of a result that is no geometry; None if it has none."""
    value = result.get("value", {})
    found = value.get(_VALUES.get(str(result.get("type")), str(result.get("type"))))
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str):
        found = found[0]
    return None if is_empty(found) else found


def _listed(fact: Any) -> list[Any]:
    return fact if isinstance(fact, list) else [fact]


def _name(result: Mapping[str, Any]) -> str:
    return str(result.get("from_name") or result.get("type"))


def _name_of_tag(result: Mapping[str, Any]) -> dict[str, Any]:
    name, base = result.get("from_name"), base_type(str(result["type"]))
    usual = {"label", DEFAULT_NAMES.get(base)} if is_region(result["type"]) else {DEFAULT_NAMES.get(base)}
    return {} if is_empty(name) or (isinstance(name, str) and name in usual) else {"from_name": name}


def _add(meta: dict[str, Any], more: Mapping[str, Any], place: str, ledger: Ledger) -> None:
    for name, value in more.items():
        if name in meta and meta[name] != value:
            ledger.lose("attributes", place, COLLIDES, name)
        meta.setdefault(name, value)
