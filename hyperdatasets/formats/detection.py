"""Which format a folder has: every format is scored over the whole folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.csv_rows import naming_media
from hyperdatasets.formats.folder import Folder, name_of
from hyperdatasets.formats.ledger import listed
from hyperdatasets.formats.reading import Evidence, Format
from hyperdatasets.formats.suffixes import ANNOTATIONS

_LISTS = frozenset({"classes.txt", "labels.txt", "labelmap.txt", "names.txt"})


@dataclass(frozen=True, slots=True)
class Found:
    """The format of a folder, and why.

    Attributes:
        unread: annotation files of other formats -> the format's title.
        used: annotation files of this one, as far as they were looked for.
    """

    format: Format
    about: Sequence[str]
    unread: Mapping[str, str] = field(default_factory=dict)
    used: frozenset[str] = frozenset()


def detect(folder: Folder, formats: Sequence[Format], fallback: Format) -> Found:
    """The format with most evidence; `fallback` where nothing looks like annotations.

    Raises:
        InvalidArgument: two formats fit equally well, or none fits though there are files like annotations.
    """
    scored = _scored(folder, formats)
    scored.sort(key=lambda pair: pair[0].score, reverse=True)
    if not scored:
        return _none(folder, fallback)
    (best, chosen), *others = scored
    equal = [each for evidence, each in others if evidence.score == best.score]
    if equal:
        named = "; ".join(
            f"{each.title} (`option format={each.name}`): {told.told}" for told, each in scored[: len(equal) + 1]
        )
        raise InvalidArgument(
            f"{folder.path} fits several formats equally well: {named}. Say which with `option format`"
        )
    about = [f"{chosen.title}: {best.told}", *_also(folder, best, others)]
    return Found(chosen, about, _unread(best.used, others), frozenset(best.used))


def given(folder: Folder, form: Format, formats: Sequence[Format]) -> Found:
    """A format that was asked for; the annotation files of all others are not read."""
    others = _scored(folder, [each for each in formats if each is not form])
    best = form.recognise(folder)
    like = best is not None or form not in formats  # the fallback is never recognised
    about = f"{form.title}, as asked for" + ("" if like else "; nothing in the folder looks like it")
    used = best.used if best else ()
    return Found(form, [about], _unread(used, others), frozenset(used))


def _scored(folder: Folder, formats: Sequence[Format]) -> list[tuple[Evidence, Format]]:
    return [(evidence, each) for each in formats if (evidence := each.recognise(folder)) and evidence.annotated]


def _unread(used: Iterable[str], others: Sequence[tuple[Evidence, Format]]) -> dict[str, str]:
    """Annotation files that only other formats use -> the title of the format."""
    mine = set(used)
    return {path: each.title for evidence, each in others for path in evidence.used if path not in mine}


def _also(folder: Folder, best: Evidence, others: Sequence[tuple[Evidence, Format]]) -> list[str]:
    told = [f"{evidence.told} ({each.title})" for evidence, each in others if set(evidence.used) - set(best.used)]
    named = {path for evidence, _ in others for path in evidence.used}
    lists = {path for path in folder.with_suffix(".txt") if name_of(path).lower() in _LISTS}
    stray = sorted(lists.union(like_annotations(folder)) - set(best.used) - named)
    if stray:
        told.append(f"{listed(stray)} (ignored)")
    return [f"Also seen: {'; '.join(told)}"] if told else []


def _none(folder: Folder, fallback: Format) -> Found:
    """Every file is data, but those that look like annotations: these are named, and never made frames."""
    likely, tables = like_annotations(folder), naming_media(folder)
    if likely and len(likely) == len(folder.files):
        raise InvalidArgument(
            f"{folder.path}: no known format fits {listed(likely)}. Say which it is with `option format`"
        )
    about = [f"{fallback.title}: no known format fits"]
    if likely:
        about.append(f"{listed(likely)} look like annotations; say which format it is with `option format`")
    if tables:
        about.append(f"{listed(tables)} {'name' if len(tables) > 1 else 'names'} files, but in no layout that is read")
    return Found(fallback, about)


def like_annotations(folder: Folder) -> list[str]:
    """Files that look like annotations, but for those beside a file of their name: `scan.json`, `scan.png.json`."""
    likely = folder.with_suffix(*ANNOTATIONS)
    if not any(path.lower().endswith(".json") for path in likely):
        return likely
    names = {each.rpartition(".")[0] for each in folder.files if not each.lower().endswith(".json")}
    return [
        path
        for path in likely
        if not (path.lower().endswith(".json") and (path[:-5] in folder.there or path[:-5] in names))
    ]
