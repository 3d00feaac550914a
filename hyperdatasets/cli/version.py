"""`version`: versions of datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.tree import Tree

import hyperdatasets as hd
from hyperdatasets.cli.exporting import Format, Media, Output, Report, SplitBy, Strict, UriPrefix, run_export
from hyperdatasets.cli.given import Dataset, VersionArgument, given_dataset, given_version
from hyperdatasets.cli.output import Json, commands, done, draw, say, shortened, show
from hyperdatasets.core.wording import counted

if TYPE_CHECKING:
    from hyperdatasets.client.field_facts import Statistics
    from hyperdatasets.client.version import Collision

app = commands("Versions: sets of frames, drafts or frozen for ever.")

Force = Annotated[bool, typer.Option("--force", help="Although checks fail; the version says so.")]


@app.command()
def create(
    dataset: Dataset,
    name: Annotated[str, typer.Argument(help="Name of the new version.")],
    parent: Annotated[list[str] | None, typer.Option(help="Repeat to merge; a later parent wins.")] = None,
    comment: Annotated[str, typer.Option(help="What it is for.")] = "",
    on_collision: Annotated[
        str, typer.Option(help="Of what parents changed in different ways: later_wins, or refuse to merge.")
    ] = "later_wins",
    as_json: Json = False,
) -> None:
    """Make a draft with the frames of its parents, merged three ways."""
    made = hd.DatasetVersion.create_version(
        dataset_id=given_dataset(dataset).id, version_name=name,
        parent_version_ids=[given_version(dataset, each).id for each in parent or ()], comment=comment,
        on_collision=on_collision, raise_if_exists=True,
    )  # fmt: skip
    if as_json:
        masks = [{"value": list(value), "labels": labels} for value, labels in made.mask_label_collisions.items()]
        report = {"merge_bases": made.merge_bases, "mask_label_collisions": masks}
        show(_plain(made) | {"collisions": [asdict(each) for each in made.collisions]} | report, as_json=True)
        return
    show(_plain(made), as_json=False)
    if made.merge_bases:
        _show_merge(made, parent or [])


def _show_merge(made: hd.DatasetVersion, parents: list[str]) -> None:
    names = {each.id: each.name for each in hd.DatasetVersion.get_versions(dataset_id=made.dataset_id)}
    for parent, base in zip(parents[1:], made.merge_bases, strict=True):
        say(f"merged {parent} since {f'their common ancestor {names[base]}' if base else 'the beginning'}")
    if not made.collisions and not made.mask_label_collisions:
        say("no collisions")
    if made.collisions:
        show([_collision(each, names) for each in made.collisions], as_json=False)
    for value, labels in made.mask_label_collisions.items():
        say(f"mask value {', '.join(map(str, value))}: kept {', '.join(labels) or 'no labels'}")


def _collision(each: Collision, names: dict[str, str]) -> dict[str, str]:
    others = [f"revision {number}" for number in each.others] + (["deletion"] if each.deleted else [])
    kept = "deletion" if each.kept is None else f"revision {each.kept}"
    return {"frame": each.frame_id, "kept": f"{kept} of {names[each.kept_from]}", "instead of": ", ".join(others)}


@app.command()
def snapshot(
    dataset: Dataset,
    name: Annotated[str, typer.Option(help="Name it is published under; default: `snapshot` and the time.")] = "",
    child: Annotated[str, typer.Option(help="Name of the new draft; default: `Current`.")] = "",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Publish the draft and open a new one."""
    made = hd.DatasetVersion.create_snapshot(
        dataset_id=given_dataset(dataset).id, publish_name=name, child_name=child, force=force
    )
    show(_plain(made), as_json=as_json)


@app.command()
def publish(
    dataset: Dataset,
    version: VersionArgument = "",
    name: Annotated[str, typer.Option(help="Name it gets.")] = "",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Freeze a draft for ever."""
    show(_plain(given_version(dataset, version).publish_version(name, force=force)), as_json=as_json)


@app.command()
def revert(dataset: Dataset, version: VersionArgument = "", as_json: Json = False) -> None:
    """Make a draft equal to its parents again."""
    reverted = given_version(dataset, version).revert()
    text = f"draft `{reverted.name}` is as its parents again: {counted(reverted.frame_count, 'frame')}"
    done(text, _plain(reverted), as_json=as_json)


@app.command("list")
def list_command(
    dataset: Dataset,
    search: Annotated[str, typer.Option(help="With these words in name, comment or tags.")] = "",
    as_json: Json = False,
) -> None:
    """List versions, the oldest first."""
    found = hd.DatasetVersion.get_versions(dataset_id=given_dataset(dataset).id, text=search)
    show([_plain(each) for each in found], as_json=as_json, columns=("name", "state", "frames", "annotated", "digest"))


@app.command()
def tree(dataset: Dataset, as_json: Json = False) -> None:
    """Show which version came from which."""
    found = hd.DatasetVersion.get_versions(dataset_id=given_dataset(dataset).id)
    if as_json:
        show([_plain(each) | {"parents": each.parents} for each in found], as_json=True)
        return
    branches: dict[str, Tree] = {}
    root = Tree(dataset)
    for each in found:
        above = branches.get(each.parents[0], root) if each.parents else root
        merged = f" (merged with {len(each.parents) - 1} more)" if len(each.parents) > 1 else ""
        state = "" if each.published else ", draft"
        branches[each.id] = above.add(f"{each.name}: {counted(each.frame_count, 'frame')}{state}{merged}")
    draw(root)


@app.command()
def diff(
    dataset: Dataset, before: Annotated[str, typer.Argument(help="Version to compare from.")],
    after: Annotated[str, typer.Argument(help="Version to compare with.")],
    explain: Annotated[int, typer.Option(help="Changes to explain.")] = 10,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show what was added, removed and changed, and what changed in each frame."""
    found = given_version(dataset, before).diff(given_version(dataset, after), explain=explain, limit=max(explain, 100))
    if as_json:
        show(
            {"added": found.added, "removed": found.removed, "changed": found.changed, "frames": found.frames},
            as_json=True,
        )
        return
    say(f"{found.added} added, {found.removed} removed, {found.changed} changed")
    for frame_id, kind, fields in found.frames[:explain]:
        say(f"{kind} {frame_id}")
        for path, old, new in fields:
            say(f"    {path}: {_json(old)} -> {_json(new)}")


@app.command()
def rename(
    dataset: Dataset, version: Annotated[str, typer.Argument(help="Name or id.")],
    new_name: Annotated[str, typer.Argument(help="Its new name.")], as_json: Json = False,
) -> None:  # fmt: skip
    """Give a version another name."""
    changed = given_version(dataset, version)
    changed.set_version_name(new_name)
    done(f"now {changed.name}", _plain(changed), as_json=as_json)


@app.command()
def delete(
    dataset: Dataset, version: Annotated[str, typer.Argument(help="Name or id.")],
    force: Annotated[bool, typer.Option("--force", help="Also if published.")] = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Delete a version."""
    given_dataset(dataset).delete_version(version_id=given_version(dataset, version).id, force=force)
    done(f"{version} is deleted", {"deleted": version}, as_json=as_json)


@app.command()
def export(
    dataset: Dataset, version: VersionArgument = "",
    query: Annotated[str, typer.Option(help="Frame query: only the frames that match.")] = "",
    format_name: Format = "jsonl", output: Output = None, media: Media = "", split_by: SplitBy = "",
    uri_prefix: UriPrefix = "", report: Report = None, strict: Strict = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Write the frames of a version, by context, time and id."""
    run_export(
        partial(given_version(dataset, version).export, frame_query=query), format_name=format_name, output=output,
        media=media, split_by=split_by, uri_prefix=uri_prefix, report=report, strict=strict, as_json=as_json,
    )  # fmt: skip


@app.command()
def stats(
    dataset: Dataset,
    field: Annotated[str, typer.Argument(
        help="As `dataset schema` lists them, or num_rois, rois.aspect, rois.relative_width, rois.relative_height, "
        "rois.relative_area."
    )],
    version: VersionArgument = "", query: Annotated[str, typer.Option(help="Frame query: only in these frames.")] = "",
    roi_query: Annotated[str, typer.Option(help="ROI query: only these ROIs.")] = "",
    source_query: Annotated[str, typer.Option(help="Source query: only frames with such a source.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many values, the most frequent first.")] = 20,
    bins: Annotated[int, typer.Option(help="Bars of the histogram.")] = 10,
    pairs: Annotated[bool, typer.Option("--pairs", help="Which of the values occur together.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Count the values of a field, such as rois.label, under any filter; numbers and dates get a histogram, too."""
    found = given_version(dataset, version).statistics(
        field, where=query, roi_query=roi_query, source_query=source_query, limit=limit, bins=bins, pairs=pairs
    )
    if as_json:
        show(found, as_json=True)
    else:
        _print_statistics(found)


def _print_statistics(found: Statistics) -> None:
    of_frames = found["frame_counts"]
    say(f"{counted(found['distinct'], 'different value')}; {found['missing']} of {found['elements']} have none")
    show([{"value": value, "count": count, "frames": of_frames[value]} for value, count in found["counts"].items()],
         as_json=False)  # fmt: skip
    _print_bars(found["quantiles"], found["histogram"])
    if dates := found["dates"]:
        _print_bars(dates["quantiles"], dates["histogram"])
    if found["pairs"]:
        show([
            {"value": first, "with": second, "count": count, "frames": frames}
            for first, second, count, frames in found["pairs"]
        ], as_json=False)  # fmt: skip


def _print_bars(
    quantiles: Sequence[float | datetime], bars: Sequence[tuple[float | datetime, float | datetime, int]]
) -> None:
    if quantiles:
        say("minimum, quartiles, maximum: " + ", ".join(map(_edge, quantiles)))
        show([{"from": _edge(low), "to": _edge(high), "count": count} for low, high, count in bars], as_json=False)


def _edge(value: float | datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else f"{value:g}"


def _plain(version: hd.DatasetVersion) -> dict[str, Any]:
    return {
        "name": version.name, "id": version.id, "state": "published" if version.published else "draft",
        "frames": version.frame_count, "annotated": version.annotated_count, "sites": version.site_counts(),
        "digest": version.digest, "comment": version.comment, "forced": version.forced,
    }  # fmt: skip


def _json(value: Any) -> str:
    return shortened(orjson.dumps(value).decode(), 200)
