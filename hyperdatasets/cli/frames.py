"""`frames`: frames of a version, by query."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

import hyperdatasets as hd
from hyperdatasets.cli import frame_files
from hyperdatasets.cli.given import Dataset, Version, given_dataset, given_version
from hyperdatasets.cli.output import Json, commands, done, json_value, pairs, say, show
from hyperdatasets.client.ledgers import untold
from hyperdatasets.core.errors import REASONS, InvalidArgument, NotFound
from hyperdatasets.core.wording import counted

if TYPE_CHECKING:
    from hyperdatasets.client.vectors import Neighbours

app = commands("Frames: find, show, change, copy, delete.")
Query = Annotated[str, typer.Option(help="Frame query, such as 'meta.city:ulm AND rois.label:car'.")]
RoiQuery = Annotated[str, typer.Option(help="ROI query: all of it holds on one ROI.")]
SourceQuery = Annotated[str, typer.Option(help="Source query: all of it holds on one source.")]
Limit = Annotated[int, typer.Option(help="At most so many; 0 = all.")]
_BEGINNING = re.compile(r"[0-9A-Za-z]{4,}")  # of an id, that needs no escapes in a query
WithEtag = Annotated[bool, typer.Option("--etag", help="With each frame's etag, for `frames update FILE`.")]
Preview = Annotated[bool, typer.Option(help="Only count.")]


@app.command("list")
def list_command(
    dataset: Dataset, version: Version = "", limit: Limit = 20, as_json: Json = False, etag: WithEtag = False
) -> None:
    """List frames of a version."""
    _print(given_version(dataset, version).frames(limit=limit), as_json=as_json, etag=etag)


@app.command()
def find(
    dataset: Dataset, *, query: Query = "", roi_query: RoiQuery = "", source_query: SourceQuery = "",
    version: Version = "",
    order_by: Annotated[str, typer.Option(help="A field; with a leading `-` descending.")] = "",
    like: Annotated[
        str, typer.Option(help="Id of a frame, or its beginning: the most alike to it first, by their vectors.")
    ] = "",
    field: Annotated[str, typer.Option(help="Vector field for --like; default: the only one.")] = "",
    exact: Annotated[bool, typer.Option(help="With --like: compare every vector.")] = False,
    limit: Limit = 20, as_json: Json = False, etag: WithEtag = False,
) -> None:  # fmt: skip
    """Find frames by query, or by likeness; says how many match."""
    found = given_version(dataset, version)
    if like:
        if order_by:
            raise InvalidArgument("--like has an order of its own; leave out --order-by")
        name = field or _only_field(found)
        near = found.nearest(
            name,
            to=_frame(found, like).id,
            k=limit,
            exact=exact,
            frame_query=query,
            roi_query=roi_query,
            source_query=source_query,
        )
        _print_near(near, as_json=as_json)
        return
    asked = {"frame_query": query, "roi_query": roi_query, "source_query": source_query}
    if not as_json:
        with untold():  # the frames themselves come with the same warnings
            matching = found.count(**asked)
        say(counted(matching, "frame matches", "frames match"))
    with _refused_orders():
        _print(found.frames(**asked, order_by=order_by, limit=limit), as_json=as_json, etag=etag)


@app.command()
def sample(
    dataset: Dataset, by: Annotated[str, typer.Option(help="Field whose values are sampled by, such as meta.city.")],
    per_value: Annotated[int, typer.Option(help="At most so many frames for each value.")] = 0,
    share: Annotated[float, typer.Option(help="Or this share of the frames of each value, rounded up.")] = 0,
    seed: Annotated[int, typer.Option(help="Another one draws other frames.")] = 0,
    query: Query = "", roi_query: RoiQuery = "", version: Version = "", as_json: Json = False,
) -> None:  # fmt: skip
    """Draw some frames for each value of a field; the same ones with the same seed."""
    drawn = given_version(dataset, version).sample(
        by=by, per_value=per_value, share=share, seed=seed, frame_query=query, roi_query=roi_query
    )
    if not as_json:
        none = counted(drawn.missing, "frame has none", "frames have none")
        say(f"{len(drawn)} of {counted(drawn.matching, 'frame')}, for {counted(drawn.values, 'value')}; {none}")
    _print(drawn, as_json=as_json)


@app.command()
def group(
    dataset: Dataset, by: Annotated[str, typer.Option(help="Field to group by, such as rois.label or sources.uri.")],
    query: Query = "", roi_query: RoiQuery = "", version: Version = "",
    order: Annotated[str, typer.Option(help="`count` (most frames first) or `value`.")] = "count",
    limit: Annotated[int, typer.Option(help="At most so many groups; 0 = all.")] = 20, as_json: Json = False,
) -> None:  # fmt: skip
    """Show the values of a field, how many frames hold each, and the first of these."""
    found = given_version(dataset, version).groups(by, order=order, frame_query=query, roi_query=roi_query)
    show([
        {"value": each.value, "frames": each.frames, "count": each.count, "first": each.first.id}
        for each in islice(found, limit or None)
    ], as_json=as_json)  # fmt: skip


@app.command("show")
def show_command(
    dataset: Dataset, frame_id: Annotated[str, typer.Argument(help="Id of the frame, or its beginning.")],
    version: Version = "",
    as_json: Json = False,  # noqa: ARG001  # a frame is shown as JSON anyway
    etag: WithEtag = False,
) -> None:  # fmt: skip
    """Show one frame, as JSON."""
    plain = frame_files.shown(_frame(given_version(dataset, version), frame_id), etag=etag)
    say(orjson.dumps(plain, option=orjson.OPT_INDENT_2, default=lambda value: f"{len(value)} bytes").decode())


@app.command()
def delete(
    dataset: Dataset, frame_id: Annotated[list[str] | None, typer.Argument(help="Ids, or their beginnings.")] = None,
    query: Query = "",
    roi_query: RoiQuery = "", source_query: SourceQuery = "", version: Version = "", preview: Preview = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Delete frames from a draft, by id or by query."""
    found = given_version(dataset, version)
    count = found.delete_frames(
        [_frame(found, each).id for each in frame_id or ()],
        frame_query=query,
        roi_query=roi_query,
        source_query=source_query,
        preview=preview,
    )
    text = f"{counted(count, 'frame')} {'would be' if preview else 'is' if count == 1 else 'are'} deleted"
    done(text, {"frames": count, "preview": preview}, as_json=as_json)


@app.command()
def withdraw(
    dataset: Dataset, frame_id: Annotated[list[str], typer.Argument(help="Ids.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")], as_json: Json = False,
) -> None:  # fmt: skip
    """Erase frames without a site from all versions for good (admins); digests and orders stay as they are."""
    revisions, missing = given_dataset(dataset).withdraw_frames(frame_id, why=reason)
    erased = counted(revisions, "revision is", "revisions are")
    text = f"{erased} erased; `hyperdatasets admin compact` removes what is left of them on disk"
    text += f"\nnot there (any more): {', '.join(missing)}" if missing else ""
    done(text, {"revisions": revisions, "missing": missing}, as_json=as_json)


@app.command()
def update(
    dataset: Dataset,
    file: Annotated[Path | None, typer.Argument(
        help="Instead of a query: JSON file with edited frames, as `frames show --etag` writes them; - for standard "
        "input. Frames that were changed since are refused."
    )] = None,
    *, query: Query = "", roi_query: RoiQuery = "", source_query: SourceQuery = "",
    version: Version = "",
    add_label: Annotated[list[str] | None, typer.Option(help="On each ROI that matches; repeat for several.")] = None,
    remove_label: Annotated[list[str] | None, typer.Option(help="Likewise; repeat for several.")] = None,
    relabel: Annotated[list[str] | None, typer.Option(help="old=new; repeat for several.")] = None,
    set_meta: Annotated[str, typer.Option(help="JSON object, merged key by key; null removes a key.")] = "",
    etag: Annotated[int | None, typer.Option(
        help="Of the only frame that matches, from `frames show --etag`: refuse the edit if it was changed since."
    )] = None,
    preview: Preview = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Change all frames that match, as one atomic edit of a draft; or write edited frames back."""
    if file is not None:
        if (
            preview
            or etag is not None
            or any((query, roi_query, source_query, add_label, remove_label, relabel, set_meta))
        ):
            raise InvalidArgument(
                "frames of a file are written as they are: give either a file or a query with changes"
            )
        _write_back(given_version(dataset, version), file, as_json=as_json)
        return
    count = given_version(dataset, version).update_by_query(
        frame_query=query, roi_query=roi_query, source_query=source_query,
        add_labels=add_label or (), remove_labels=remove_label or (),
        relabel=pairs("--relabel", relabel),
        set_meta=json_value("--set-meta", set_meta) if set_meta else None, preview=preview, etag=etag,
    )  # fmt: skip
    text = f"{counted(count, 'frame')} {'would change' if preview else 'changed'}"
    done(text, {"frames": count, "preview": preview}, as_json=as_json)


@app.command()
def copy(
    from_dataset: Annotated[str, typer.Argument(help="`project/name` or id.")],
    to_dataset: Annotated[str, typer.Argument(help="The same, or another one.")],
    from_version: Version = "",
    version: Version = "",
    query: Query = "",
    roi_query: RoiQuery = "",
    source_query: SourceQuery = "",
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Copy frames of another version or dataset into a draft."""
    result = given_version(to_dataset, version).copy_frames(
        given_version(from_dataset, from_version), frame_query=query, roi_query=roi_query, source_query=source_query,
        preview=preview,
    )  # fmt: skip
    counts = {"added": result.added, "updated": result.updated, "unchanged": result.unchanged, "failed": len(result)}
    refused = "".join(f"\n{each.id}: {each.message}" for each in result)
    text = ", ".join(f"{count} {what}" for what, count in counts.items()) + refused
    done(text, counts | {"failures": [asdict(each) for each in result]}, as_json=as_json)


@app.command()
def vectors(
    dataset: Dataset,
    field: Annotated[str, typer.Option(help="Vector field; default: the only one.")] = "",
    query: Query = "", roi_query: RoiQuery = "", version: Version = "",
    as_json: Json = False,  # noqa: ARG001  # each line is JSON anyway
) -> None:  # fmt: skip
    """Write the vectors of frames as JSON lines to standard output: id and vector."""
    found = given_version(dataset, version)
    for frame_id, vector in found.vectors(field or _only_field(found), frame_query=query, roi_query=roi_query):
        sys.stdout.buffer.write(orjson.dumps({"id": frame_id, "vector": vector}, option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _refused_orders() -> Iterator[None]:
    """A field to sort by that no frame has is a mistake on the command line, where Python warns."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="order_by: ", category=UserWarning)
        try:
            yield
        except UserWarning as said:
            raise InvalidArgument(str(said).replace("order_by: ", "--order-by ", 1)) from None


def _frame(version: hd.DatasetVersion, frame_id: str) -> Any:
    """The frame of an id, or the only one whose id begins so.

    Raises:
        InvalidArgument: several ids begin so.
        NotFound: none does.
    """
    try:
        return version.get_frame(frame_id)
    except NotFound:
        if not _BEGINNING.fullmatch(frame_id):
            raise
        found = list(version.frames(frame_query=f"id:{frame_id}*", limit=6))
        if len(found) > 1:
            listed = ", ".join(each.id for each in found[:5]) + (", …" if len(found) > 5 else "")
            raise InvalidArgument(
                f"several frames have an id that begins with `{frame_id}`: {listed}; give more of it"
            ) from None
        if not found:
            raise
        return found[0]


def _write_back(version: hd.DatasetVersion, file: Path, *, as_json: bool) -> None:
    """Writes frames that were read before; fails if one of them is refused, which keeps none of the others from it."""
    result = version.write(frame_files.read(file))
    counts = {"added": result.added, "updated": result.updated, "unchanged": result.unchanged, "failed": len(result)}
    refused = [f"{each.id}: {each.message}" for each in result]
    text = "\n".join([", ".join(f"{count} {what}" for what, count in counts.items()), *refused])
    done(text, counts | {"failures": [asdict(each) for each in result]}, as_json=as_json)
    if result:
        kind = REASONS.get(result[0].reason, InvalidArgument)
        raise kind(f"{counted(len(result), 'frame was', 'frames were')} refused ({result[0].reason})")


def _only_field(version: hd.DatasetVersion) -> str:
    names = list(hd.Dataset.get(dataset_id=version.dataset_id).vector_fields())
    if len(names) != 1:
        known = f"there are {', '.join(names)}" if names else "the dataset has none"
        raise InvalidArgument(f"--field: name the vector field; {known}")
    return names[0]


def _print_near(near: Neighbours, *, as_json: bool) -> None:
    if as_json:
        show([{"id": frame.id, "value": value, "frame": frame.plain} for frame, value in near], as_json=True)
        return
    say(f"{near.searched} of {counted(near.matching, 'frame has', 'frames have')} the vector; by {near.metric}")
    show([{"id": frame.id, near.metric: f"{value:.6g}", "labels": sorted(
        {label for each in frame.annotations for label in each["labels"]}
    )} for frame, value in near], as_json=False)  # fmt: skip


def _print(frames: Any, *, as_json: bool, etag: bool = False) -> None:
    if etag and not as_json:
        raise InvalidArgument("--etag writes frames that can be edited and written back: give --json too")
    if as_json:
        show([frame_files.shown(frame, etag=etag) for frame in frames], as_json=True)
        return
    show([{
        "id": frame.id, "site": frame.site, "uri": frame.plain["sources"][0]["uri"] if frame.plain["sources"] else "",
        "labels": sorted({label for each in frame.annotations for label in each["labels"]}),
    } for frame in frames], as_json=False)  # fmt: skip
