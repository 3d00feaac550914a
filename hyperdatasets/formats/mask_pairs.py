"""Which pictures are masks of which others, told by their names alone; nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from hyperdatasets.formats.folder import SPLITS, is_role, parent, stem

_KINDS = (
    "masks?|l|p|seg|segm|segmentation|segmask|gt|ground_?truth|labels?|annotations?|trimap|matte|"
    "(?:gt(?:fine|coarse)_)?(?:labelids|labeltrainids|instanceids|instancetrainids|color)"
)
_ENDING = re.compile(rf"(?<=.)[_.\- ](?P<kind>{_KINDS})$", re.IGNORECASE)
_IN_FOLDER = re.compile(
    r"(?P<base>.*?)[_\- ]?(?P<kind>masks?|labels?|annots?|annotations?|gt|gtfine|gtcoarse|ground[_\- ]?truths?|"
    r"segmentations?|seg|trimaps?)(?:[_\- ](?:png|img|images?|col|colou?r|ids?))?",
    re.IGNORECASE,
)
_PICTURE_ENDINGS = ("_leftImg8bit", "_image", "_img", "_rgb", "_sat")
_OF_PICTURES = frozenset({"leftimg8bit", "rgb", "sat", "src", "input", "inputs"})
_OF_VOC = frozenset({"segmentationclass", "segmentationobject"})  # read with the rest of Pascal VOC
_CACHED = 1 << 14  # folders
_Key = tuple[tuple[str, ...], str]


class Mask(NamedTuple):
    """A picture that is a mask by its name: of what kind, and where the picture would be."""

    path: str
    kind: str
    key: _Key


@dataclass(slots=True)
class Pairs:
    """Masks by their picture.

    Attributes:
        of: picture -> its masks.
        lonely: masks without a picture; unclear: masks that fit several pictures.
        near: how many lie where the masks of their picture are looked for, not just under the same name.
    """

    of: dict[str, list[Mask]] = field(default_factory=dict)
    lonely: list[Mask] = field(default_factory=list)
    unclear: list[Mask] = field(default_factory=list)
    near: int = 0

    @property
    def masks(self) -> Iterator[Mask]:
        return (mask for masks in self.of.values() for mask in masks)


def pairs(pictures: Iterable[str]) -> Pairs:
    """Masks end like `a_mask.png` beside `a.png`, or lie in a folder such as `masks`, `train_labels`, `trainannot`."""
    every = list(pictures)
    in_folders = {path: list(_by_folder(path)) for path in every if _kind_of_folders(parent(path))}
    others = [path for path in every if path not in in_folders]
    ending = {path: [mask] for path in others if (mask := _by_ending(path))}
    if not in_folders and not ending:
        return Pairs()
    places = _places(others)
    apart = _folders_of_masks(others, ending, places)
    ending = {path: masks for path, masks in ending.items() if parent(path) in apart or places.has_base(masks[0], path)}
    places = _places(path for path in others if path not in ending)
    found = Pairs()
    for path in every:
        if candidates := in_folders.get(path) or ending.get(path):
            _assign(candidates, places, found, apart=parent(path) in apart)
    _assign_lonely(places, found)
    return found


@dataclass(slots=True)
class _Places:
    by_key: dict[_Key, list[str]] = field(default_factory=dict)
    by_folder: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    by_base: dict[str, list[str]] = field(default_factory=dict)

    def has_base(self, mask: Mask, path: str) -> bool:
        return any(other != path for other in self.by_key.get(mask.key, ()))


def _places(pictures: Iterable[str]) -> _Places:
    found = _Places()
    for path in pictures:
        folders, base = _folders(parent(path)), _base(stem(path))
        for key in dict.fromkeys([(folders, base), (_without_splits(folders), base)]):
            found.by_key.setdefault(key, []).append(path)
        found.by_folder.setdefault(folders, []).append(path)
        found.by_base.setdefault(base, []).append(path)
    return found


def _folders_of_masks(pictures: list[str], ending: Mapping[str, list[Mask]], places: _Places) -> set[str]:
    """Folders of at least two pictures that all end alike, as `_L`, each for one picture elsewhere, without the ending.

    This is how CamVid has it: `701_StillsRaw_full/a.png` and `LabeledApproved_full/a_L.png`.
    """
    kinds: dict[str, list[str]] = {}
    for path in pictures:
        (mask,) = ending.get(path, [None])
        alone = mask is not None and len(places.by_base.get(mask.key[1], ())) == 1
        kinds.setdefault(parent(path), []).append(mask.kind if mask and alone else "")
    return {folder for folder, found in kinds.items() if len(found) > 1 and found[0] and len(set(found)) == 1}


def _assign(masks: list[Mask], places: _Places, found: Pairs, *, apart: bool) -> None:
    """To the picture in the same folders; or in those but for a split; or else of the same name anywhere.

    Args:
        apart: the masks lie in a folder of masks, so that the name is enough.
    """
    looked_for = (
        *((mask, places.by_key.get(mask.key), 1) for mask in masks),
        *((mask, places.by_key.get((_without_splits(mask.key[0]), mask.key[1])), 1) for mask in masks),
        *((mask, places.by_base.get(mask.key[1]), int(apart)) for mask in masks),
    )
    mask, candidates, near = next((each for each in looked_for if each[1]), (masks[0], None, 0))
    if candidates and len(candidates) == 1:
        found.of.setdefault(candidates[0], []).append(mask)
        found.near += near
    else:
        (found.unclear if candidates else found.lonely).append(mask)


def _assign_lonely(places: _Places, found: Pairs) -> None:
    """Masks in a folder of their one picture belong to it, whatever they are called: `7/masks/…`, `7/images/7.png`."""
    lonely, found.lonely = found.lonely, []
    taken = {mask.key[0] for mask in found.masks}
    for mask in lonely:
        folders = mask.key[0]
        pictures = places.by_folder.get(folders, [])
        if len(pictures) == 1 and folders and folders[-1] not in SPLITS.values() and folders not in taken:
            found.of.setdefault(pictures[0], []).append(mask)
            found.near += 1
        else:
            found.lonely.append(mask)


@lru_cache(_CACHED)
def _without_splits(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in folders if name not in SPLITS.values())


def _by_folder(path: str) -> Iterator[Mask]:
    """The masks that a picture in a folder of masks may be: with its whole name, and without an ending."""
    kind, folders = _kind_of_folders(parent(path)), _folders(parent(path))
    yield Mask(path, kind, (folders, _base(stem(path))))
    name = stem(path)
    if ending := _ENDING.search(name):
        yield Mask(path, ending["kind"], (folders, _base(name[: ending.start()])))


def _by_ending(path: str) -> Mask | None:
    name = stem(path)
    ending = _ENDING.search(name)
    return ending and Mask(path, ending["kind"], (_folders(parent(path)), _base(name[: ending.start()])))


@lru_cache(_CACHED)
def _kind_of_folders(folder: str) -> str:
    return next((kind for name in reversed(folder.split("/")) if (kind := _kind_of_folder(name))), "")


def _kind_of_folder(name: str) -> str:
    """`masks`, `trainannot` -> `annot`; empty where a folder is not one of masks."""
    match = _IN_FOLDER.fullmatch(name)
    if match is None or name.lower() in _OF_VOC:
        return ""
    base = match["base"]
    return match["kind"] if not base or _is_side(base) else ""


def _is_side(name: str) -> bool:
    """Whether a name, or what is before `_labels` in it, says a split or a role."""
    return is_role(name) or name.lower() in _OF_PICTURES or bool(re.fullmatch(r"stage\d*|\d+", name, re.IGNORECASE))


@lru_cache(_CACHED)
def _folders(folder: str) -> tuple[str, ...]:
    """The folders of a picture or mask less what tells both apart, so that those of a pair are the same."""
    found = []
    for name in folder.split("/") if folder else ():
        match = _IN_FOLDER.fullmatch(name)
        base = match["base"] if match and (not match["base"] or _is_side(match["base"])) else name
        part = _split_or_name(base)
        if part:
            found.append(part)
    return tuple(found)


def _split_or_name(name: str) -> str:
    lower = name.lower()
    words = re.findall(r"[a-z]+", lower)
    if lower in SPLITS:
        return SPLITS[lower]
    if lower in _OF_PICTURES or (words and all(is_role(word) for word in words)):
        return next((SPLITS[word] for word in words if word in SPLITS), "")
    return name


def _base(name: str) -> str:
    for ending in _PICTURE_ENDINGS:
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending)
    return name
