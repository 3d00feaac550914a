"""Reads Label Studio's JSON exports: tasks, each about a file of the folder."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from hyperdatasets.core.uri import split as uri_parts
from hyperdatasets.formats import json_keys
from hyperdatasets.formats.described import Described, split_of_subset
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.extension import OWN, add_frame_fields, own_of_frame
from hyperdatasets.formats.folder import Folder, Unreadable, name_of, parent, split_of, suffix
from hyperdatasets.formats.joining import DIFFERENT, join
from hyperdatasets.formats.json_text import is_empty, parsed
from hyperdatasets.formats.labelstudio_documents import MAY_BE, TEXTS, Task, count, looks_right, tasks
from hyperdatasets.formats.labelstudio_results import STATE, About, Medium, Read, kind_of_result, read_results
from hyperdatasets.formats.labelstudio_shapes import Size
from hyperdatasets.formats.media import UnreadableMedia, probe
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import all_or_found, beginning_with, few
from hyperdatasets.formats.suffixes import PICTURES, TAGGED_TEXTS

BROKEN = "Label Studio files that cannot be read"
NO_TASK = "entries that are no tasks"
INLINE = "tasks with their data inside of the JSON; save each as a file and refer to it"
MORE_FILES = "further files of a task; only the first is read"
BOOKKEEPING = "bookkeeping of Label Studio: numbers, times, users"
CANCELLED = "annotations that their annotator skipped (was_cancelled)"
NO_LIST = "annotations or predictions that are no list"
NUMBERS = "annotations or predictions given by their number only"
DRAFTS = "drafts that were never submitted"
ANNOTATORS = "tasks with several annotations; all are kept, and `annotator` in the metadata says whose each is"
PERSON = "annotators, kept by their number; names and addresses are left out"
NO_MODEL = "predictions without `model_version`, kept with the origin `unknown model`"
MEDIA_KEYS = ("image", "img", "audio", "video", "text", "document", "url", "file")
"""Names of data that mostly are files, in this order; then any other."""
TEXT_SUFFIXES = (*TAGGED_TEXTS, ".text", ".md")
_LONGEST = 4_096  # characters of a name
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
_OF_TASK = frozenset({"data", "annotations", "completions", "predictions", "drafts", "meta"})
_TASK_BOOKS = frozenset({
    "id", "created_at", "updated_at", "inner_id", "total_annotations", "cancelled_annotations", "total_predictions",
    "comment_count", "unresolved_comment_count", "last_comment_updated_at", "project", "updated_by", "comment_authors",
    "file_upload", "allow_skip", "overlap", "is_labeled", "annotators", "storage_filename", "completed_at", "state",
    "annotations_results", "predictions_results", "predictions_score", "predictions_model_versions", "avg_lead_time",
    "draft_exists", "annotations_ids", "precomputed_agreement",
})  # fmt: skip
_OF_ANNOTATION = frozenset(
    {"result", "was_cancelled", "completed_by", "ground_truth", "model_version", "score", "model"}
)
_ANNOTATION_BOOKS = frozenset({
    "id", "created_at", "updated_at", "draft_created_at", "lead_time", "result_count", "unique_id", "import_id",
    "last_action", "last_created_by", "bulk_created", "project", "updated_by", "task", "parent_prediction", "state",
    "parent_annotation", "prediction", "created_username", "created_ago", "mislabeling", "model_run", "cluster",
    "neighbors",
})  # fmt: skip


def recognise(folder: Folder) -> Evidence | None:
    """JSON files with tasks."""
    found, total = [], 0
    likely = beginning_with(folder, folder.with_suffix(".json"), MAY_BE)
    looked_at = few(folder, likely)
    for path in looked_at:
        content = _content(folder, path)
        if looks_right(content):
            found.append(path)
            total += count(content)
    if not found:
        return None
    used = all_or_found(likely, looked_at, found)
    total = total * len(used) // len(found)
    annotated = min(total, len(folder.media) + len(folder.with_suffix(*TEXT_SUFFIXES)))
    return Evidence(annotated, used, f"{counted(len(used), 'Label Studio file')} with {counted(total, 'task')}")


def _content(folder: Folder, path: str) -> bytes:
    try:
        return folder.read(path)
    except Unreadable:
        return b""


def read(reading: Reading) -> Iterator[Entry]:
    folder, ledger = reading.folder, reading.ledger
    described = Described(reading, folder.media, folder.with_suffix(*TEXT_SUFFIXES))
    for path in folder.with_suffix(".json"):
        if not looks_right(_content(folder, path)):
            continue
        reading.used.add(path)
        try:
            content, twice = parsed(folder, path)
            found = list(tasks(path, content))
        except Unreadable as error:
            ledger.unreadable(path, BROKEN, str(error))
            continue
        json_keys.tell(twice, path, ledger)
        file = _File(path, described)
        for task in found:
            file.add(task) if isinstance(task, Task) else ledger.lose("frames", task, NO_TASK)
        file.finish()
    yield from described.entries()


class _File:
    """One file of tasks."""

    def __init__(self, path: str, described: Described) -> None:
        self.path, self.described = path, described
        self.ledger = described.reading.ledger
        self.books = self.state = 0

    def add(self, task: Task) -> None:
        content, data = task.content, task.content["data"]
        key, path = self._file(data, task.place)
        if not path:
            self._lose(task)
            return
        known = self.described.at(path, task.place)
        entry = Entry(path, place=task.place, stated=known.stated)
        meta = content.get("meta")
        own = own_of_frame(meta.get(OWN) if isinstance(meta, dict) else None, task.place, self.ledger)
        self._add_data(entry, {name: value for name, value in data.items() if name != key}, own, task)
        self._add_fields(entry, content)
        self._lose_odd(content, task.place)
        made = [*_objects(content, "annotations"), *_objects(content, "completions")]
        kept = [each for each in made if not self._is_cancelled(each, task.place)]
        if len([each for each in kept if each.get("result")]) > 1:
            self.ledger.notice("frames", task.place, ANNOTATORS, counted(len(kept), "annotation"))
        size = _Probed(self.described.reading.folder, path)
        for each in kept:
            self._add(
                entry,
                each,
                About(_medium(path), size, entry.stated, meta=self._of_annotation(each, task.place)),
                task.place,
            )
        for each in _objects(content, "predictions"):
            origin = str(each.get("model_version") or "")
            if not origin:
                self.ledger.notice("frames", task.place, NO_MODEL)
            named, score, meta = origin or "unknown model", each.get("score"), self._unknown(each)
            about = About(_medium(path), size, entry.stated, named, score, meta)
            self._add(entry, each, about, task.place)
        add_frame_fields(entry, own, task.place)
        self.described.add_masks(entry, own.get("masks"), folders=[parent(self.path)], place=task.place)
        known.stated = entry.stated
        join(known, entry, task.place, self.ledger)

    def _lose_odd(self, content: Mapping[str, Any], place: str) -> None:
        """Lists of annotations that are none, and members that are no objects, such as bare numbers."""
        for key in ("annotations", "completions", "predictions"):
            value = content.get(key)
            if not isinstance(value, list) and not is_empty(value):
                self.ledger.lose("attributes", place, NO_LIST, key)
            elif isinstance(value, list) and (odd := sum(not isinstance(each, dict) for each in value)):
                self.ledger.lose("attributes", place, NUMBERS, key, count=odd)

    def finish(self) -> None:
        """Says what was left out of all tasks together."""
        if self.books:
            self.ledger.skip("attributes", self.path, BOOKKEEPING, count=self.books)
        if self.state:
            self.ledger.skip("attributes", self.path, STATE, count=self.state)

    def _add(self, entry: Entry, made: Mapping[str, Any], about: About, place: str) -> None:
        results = made.get("result")
        if not isinstance(results, list):
            self.ledger.lose("attributes", place, "annotations without a list of results", f"{results!r:.40}")
            return
        found: Read = read_results(results, about, place, self.ledger)
        self.state += found.state.total()
        entry.items += found.items
        for size in found.sizes:
            self.described.add_size(entry, size, place)
        for name, value in found.meta.items():
            self._add_meta(entry, name, value, place)

    def _add_meta(self, entry: Entry, name: str, value: Any, place: str) -> None:
        if name == "captions" and isinstance(value, list | str) and isinstance(entry.meta.get(name, []), list):
            entry.meta[name] = [*entry.meta.get(name, []), *(value if isinstance(value, list) else [value])]
        elif name in entry.meta and entry.meta[name] != value:
            self.ledger.lose("attributes", place, DIFFERENT, name)
        else:
            entry.meta[name] = value

    def _file(self, data: Mapping[str, Any], place: str) -> tuple[str, str]:
        """The name of the data that is a file of the folder, and its path; empty if there is none."""
        order = sorted(data, key=lambda name: MEDIA_KEYS.index(name) if name in MEDIA_KEYS else len(MEDIA_KEYS))
        for name in order:
            value = data[name]
            several = isinstance(value, list) and value and isinstance(value[0], str)
            found = self._find(value[0] if several else value)
            if len(found) == 1:
                if several and len(value) > 1:
                    self.ledger.lose("frames", place, MORE_FILES, count=len(value) - 1)
                return name, found[0]
        return "", ""

    def _find(self, value: Any) -> Sequence[str]:
        for name in _names(value) if isinstance(value, str) and len(value) < _LONGEST else ():
            if found := self.described.find(name, folders=[parent(self.path)], split=split_of(self.path)):
                return found
        return []

    def _lose(self, task: Task) -> None:
        """A task about no file of the folder, or about several that have its name."""
        texts = [value for value in task.content["data"].values() if isinstance(value, str)]
        named = next((text for text in texts if _is_name(text)), "")
        if named:
            self.described.lose(named, self._find(named), Entry(""), task.place)
        else:
            self.ledger.lose("frames", task.place, INLINE)
        for key in ("annotations", "completions", "predictions"):
            for made in _objects(task.content, key):
                for result in made["result"] if isinstance(made.get("result"), list) else ():
                    self.ledger.lose(kind_of_result(result), task.place, "annotations of a task without a file")

    def _is_cancelled(self, made: Mapping[str, Any], place: str) -> bool:
        results = made.get("result")
        if made.get("was_cancelled"):
            for result in results if isinstance(results, list) else ():
                self.ledger.skip(kind_of_result(result), place, CANCELLED)
        return bool(made.get("was_cancelled"))

    def _of_annotation(self, made: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Metadata for all results of an annotation: who made it, and what is not known."""
        meta, person = self._unknown(made), made.get("completed_by")
        if isinstance(person, dict):
            self.ledger.notice("attributes", place, PERSON)
            person = person.get("id")
        if not is_empty(person):
            meta["annotator"] = person
        return meta | ({"ground_truth": True} if made.get("ground_truth") is True else {})

    def _unknown(self, made: Mapping[str, Any]) -> dict[str, Any]:
        self.books += sum(not is_empty(made[name]) for name in _ANNOTATION_BOOKS & made.keys())
        known = _OF_ANNOTATION | _ANNOTATION_BOOKS
        return {name: value for name, value in made.items() if name not in known and not is_empty(value)}

    def _add_data(self, entry: Entry, data: Mapping[str, Any], own: Mapping[str, Any], task: Task) -> None:
        """Everything else that a task says, as metadata of the frame."""
        if unsure := [name for name in task.unsure if name in data]:
            self.ledger.notice("attributes", task.place, TEXTS, ", ".join(unsure), count=len(unsure))
        for name, value in data.items():
            if name == "split" and isinstance(value, str):
                continue
            self._add_meta(entry, name, value, task.place)
        exact = own.get("split")
        said = data.get("split") if isinstance(data.get("split"), str) else ""
        if exact is not None and exact == said:
            self.described.take_split(entry, exact, task.place)
        else:
            entry.add_split(split_of_subset(said or ""), task.place)
            entry.add_split(split_of(self.path), f"the folder of {self.path}")

    def _add_fields(self, entry: Entry, content: Mapping[str, Any]) -> None:
        self.books += sum(not is_empty(content[name]) for name in _TASK_BOOKS & content.keys())
        for name, value in content.items():
            if name not in _OF_TASK and name not in _TASK_BOOKS and not is_empty(value):
                self._add_meta(entry, name, value, entry.where)
        for draft in content.get("drafts") or () if isinstance(content.get("drafts"), list) else ():
            results = draft.get("result") if isinstance(draft, dict) else None
            for result in results if isinstance(results, list) else [None]:
                self.ledger.lose(kind_of_result(result), entry.where, DRAFTS)
        meta = content.get("meta")
        for name, value in meta.items() if isinstance(meta, dict) else ():
            if name != OWN and not is_empty(value):
                self._add_meta(entry, name, value, entry.where)


class _Probed:
    """Width and height of a picture as shown, looked up once, when it is needed."""

    def __init__(self, folder: Folder, path: str) -> None:
        self._folder, self._path = folder, path
        self._size: Size | None = None
        self._asked = False

    def __call__(self) -> Size | None:
        if not self._asked:
            self._asked = True
            try:
                with self._folder.open(self._path) as file:
                    size = file.seek(0, io.SEEK_END)
                    file.seek(0)
                    media = probe(file, self._path, size)
                self._size = (media.width, media.height) if media.width and media.height else None
            except (OSError, UnreadableMedia):
                self._size = None
        return self._size


def _names(value: str) -> Iterator[str]:
    """What the file of a value may be called: as it is, less its address, less the prefix of an upload."""
    parts = uri_parts(value) if "://" in value else None
    local = parse_qs(value.partition("?")[2]).get("d", [""])[0] if "/data/local-files/" in value else ""
    path = local or unquote(parts.path if parts else value)
    for each in dict.fromkeys((path, value)):
        yield each
        bare = _UPLOAD.sub("", name_of(each), count=1)
        if bare != name_of(each):
            yield f"{parent(each)}/{bare}".lstrip("/")
            yield bare


def _is_name(text: str) -> bool:
    """Whether a text looks like the name of a file rather than like data."""
    return "\n" not in text and len(text) < 1_000 and bool(re.fullmatch(r"\.\w{2,5}", suffix(text.partition("?")[0])))


def _medium(path: str) -> Medium:
    if suffix(path) in PICTURES:
        return "picture"
    return "text" if suffix(path) in TEXT_SUFFIXES else "recording"


def _objects(content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = content.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


FORMAT = Format("labelstudio", "Label Studio", recognise, read)
