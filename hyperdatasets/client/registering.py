"""Folders of data into datasets through the node of this site."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from hyperdatasets.client import asked, project_paths
from hyperdatasets.client.ledgers import check_strict, in_no_project, told
from hyperdatasets.client.node import NodeClient, local_node
from hyperdatasets.core.errors import InvalidArgument, Unavailable
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.v1 import node_service_pb2 as pb


def register(
    path: str | Path,
    dataset_name: str,
    *,
    dataset_project: str = "",
    format: str = "auto",
    version_name: str = "",
    columns: str | Path = "",
    context_column: str = "",
    timestamp_column: str = "",
    column_types: Mapping[str, str] | None = None,
    context_as: str = "",
    rename_contexts: bool = False,
    classes: Sequence[str] = (),
    limit: int | None = None,
    replace_annotations: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    strict: bool = False,
    scale_annotations: bool = False,
    boxes_as: str = "",
    site: str = "",
    node: str | NodeClient = "",
    operator_secret: str = "",
    progress: Callable[[int], None] = lambda _: None,
) -> Ledger:
    """Register a folder at the node on this machine; the data stays where it is, and so does the ledger.

    Args:
        path: `<root alias>/<path below it>`, or the path of a folder below a root of the node; a relative one that does
            not begin with the name of a root is meant from the current folder.
        columns: table (CSV, Parquet, Excel) with private columns; see `docs/site-tables.md`.
        context_column, timestamp_column: columns of it that become `context_id` and `timestamp`.
        column_types: column -> `text`, `integer`, `number`, `boolean` or `date`.
        context_as: `integer` or `text`: how context ids are read that are spelled like numbers.
        rename_contexts: known frames may get another context id.
        classes, limit, replace_annotations, prune, dry_run, scale_annotations, boxes_as: see `import_frames`.
        strict: raise if anything is lost.
        site: whose node, where several are configured.
        node: address of the node, or a connection to it; default: as configured, or on loopback.
        operator_secret: content of `operator.secret` in the folder of the node, which a strict node asks for.
        progress: called with the number of files that the node has looked at.

    Returns:
        What was read, kept and lost; each kind of loss is a warning, too.

    Raises:
        Incomplete: `strict`, and something was lost; what could be kept is written all the same.
        InvalidArgument: an option is not valid, or the node cannot tell the format; nothing was written.
        Unavailable: the node stopped; run again, it goes on where it was.
    """
    labels = asked.labels_of(classes)
    asked.check(limit=limit, prune=prune, classes=labels)
    dataset = project_paths.address(dataset_name, dataset_project)
    request = pb.RegisterRequest(
        path=str(path), format="" if format == "auto" else format, dataset=dataset, version=version_name,
        columns_file=str(columns), context_column=context_column, timestamp_column=timestamp_column,
        column_types=column_types, context_as=context_as, rename_contexts=rename_contexts,
        classes=labels, limit=limit or 0,
        replace_annotations=replace_annotations, prune=prune, dry_run=dry_run, scale_annotations=scale_annotations,
        boxes_as=boxes_as,
    )  # fmt: skip
    with _connected(node, site) as client:
        try:
            ledger = ledger_of(client.register(request, operator_secret=operator_secret), progress)
        except InvalidArgument as error:
            request.path = str(_from_here(path, error))
            ledger = ledger_of(client.register(request, operator_secret=operator_secret), progress)
    if "/" not in dataset and not dry_run:
        ledger.about.append(in_no_project(dataset))
    told(ledger)
    return check_strict(ledger, strict=strict)


def _from_here(path: str | Path, error: InvalidArgument) -> Path:
    """The absolute path of a relative one that begins with no root of the node.

    Raises:
        InvalidArgument: the error, which was about something else, or there is no such folder here.
    """
    if error.fields.get("kind") != "root" or not str(path):
        raise error
    absolute = Path(path).resolve()
    if not absolute.exists():
        raise InvalidArgument(
            f"{error.message}; and from the current folder there is no {absolute}: begin with the name of a root, or "
            "give an absolute path"
        ) from None
    return absolute


@contextmanager
def _connected(node: str | NodeClient, site: str) -> Iterator[NodeClient]:
    if site and node:
        raise InvalidArgument("site, node: say one of them")
    if isinstance(node, NodeClient):
        yield node
        return
    client = local_node(node, site=site)
    try:
        yield client
    finally:
        client.close()


def ledger_of(answers: Iterator[pb.RegisterResponse], progress: Callable[[int], None] = lambda _: None) -> Ledger:
    """The ledger at the end of a registration, put together from the pieces of its answers.

    Args:
        progress: called with the number of files looked at so far.

    Raises:
        Unavailable: the answers end before the registration is done.
    """
    pieces: list[bytes] = []
    done = False
    for answer in answers:
        pieces.append(answer.ledger)
        done = answer.done
        progress(answer.scanned)
    if not done:
        raise Unavailable("the node stopped before the registration was done; register again to go on")
    return Ledger.from_plain(orjson.loads(b"".join(pieces)))
