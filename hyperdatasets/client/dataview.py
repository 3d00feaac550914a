"""Data views as users hold them: built (`local_view`), kept (`stored_view`), and here read anywhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Unpack

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.client import first_frames
from hyperdatasets.client.arguments import Texts, texts
from hyperdatasets.client.clips import Delivered
from hyperdatasets.client.examples import Target
from hyperdatasets.client.exports import How, Subject, export
from hyperdatasets.client.first_frames import pictures
from hyperdatasets.client.frame_supply import Reader
from hyperdatasets.client.label_query import LabelQuery
from hyperdatasets.client.node import NodeClient, Nodes, by_site, listed_nodes
from hyperdatasets.client.opened_view import DatasetOptions, OpenedView
from hyperdatasets.client.resolution import Resolution
from hyperdatasets.client.stored_view import StoredView
from hyperdatasets.client.uri_reader import UriReader
from hyperdatasets.client.view_reading import ViewReader
from hyperdatasets.client.view_rules import rules_in_words, rules_table
from hyperdatasets.core.errors import InvalidView
from hyperdatasets.core.tables import Table
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media.pixels import Mode
from hyperdatasets.v1 import dataview_service_pb2 as pb

if TYPE_CHECKING:
    from hyperdatasets.torch import FrameDataset, FrameStream


class DataView(StoredView):
    """A query that is the full representation of an experiment's data; local until stored or published."""

    RoiQuery = LabelQuery

    def resolve(self) -> Resolution:
        """Per rule and site: how many frames and ROIs, and what there is to warn of."""
        answer = self._client.send(pb.ResolveDataViewRequest(target=self._target), timeout_s=600)
        return Resolution.of(answer)

    def get_count(self) -> int:
        """Positions of one pass over all sites."""
        return self.resolve().length

    def __len__(self) -> int:
        """Positions of one pass over all sites.

        Raises:
            InvalidView: the view repeats without end.
        """
        self._check_ends("`get_count()` gives the length of one pass")
        return self.get_count()

    def __bool__(self) -> bool:
        return True  # also without frames, and without an end

    def __iter__(self) -> Iterator[Delivered]:
        return self.get_iterator()

    def get_iterator(
        self,
        *,
        projection: Texts = (),
        num_workers: int = 1,
        worker_index: int = 0,
        allow_repetition: bool = False,
        start: int = 0,
    ) -> Iterator[Delivered]:
        """The frames (metadata) in the view's order; of `num_workers` readers each gets its own part.

        A view of clips gives a list of frames for each position, all others a frame.

        Args:
            projection: only these parts, such as `annotations` or `meta.city`, beside the id; others do not travel.
            allow_repetition: go on until every rule's frames came (`limit: balanced`).
        """
        if allow_repetition and not self.published:
            self._change(iteration=self._spec.get("iteration", {}) | {"limit": "balanced"})
        self.withdrawn = 0
        request = pb.ReadDataViewRequest(
            target=self._target,
            start=start,
            partition=worker_index,
            partitions=num_workers,
            projection=texts(projection, "projection"),
        )
        yield from self._reader.frames(request)

    def open(self, node: Nodes = None, *, purpose: str = "") -> OpenedView:
        """The frames with their content: of each site from its own node, those without a site by their URIs.

        Iterate it, or take it as arrays or as a PyTorch data set. A view of clips gives lists of frames.

        A view that is not published is published first. Each site's frames come once, in the site's order. Sites whose
        node is not given are not read, and a warning names them.

        Args:
            node: the node of this site (or its address), or several nodes, each of its site; default: all that are
                configured, or the one on loopback.
            purpose: what the frames are for; a site's policy may ask for it.

        Raises:
            VersionNotPublished: the view is over a draft; take a snapshot first.
            Refused: the site does not allow it.
            InvalidConfig: two nodes are of one site, or a node is configured for another site.
            Unavailable: a node does not answer; names its address.
        """
        if not self.published:
            self.publish()
        sites = [each.site for each in self.sites]
        given = listed_nodes(node)
        nodes = by_site(given) if any(sites) else {}
        if unread := [site for site in sites if site and site not in nodes]:
            told = ", ".join(f"`{site}`" for site in unread)
            warnings.warn(f"sites not read: {told}; their own nodes serve their frames", stacklevel=2)
        read = [site for site in sites if site not in unread]
        counts = ", ".join(f"{site or '(no site)'}: {self.site_counts[site]}" for site in read)
        return OpenedView(
            lambda: [self._reader_of(site, nodes, purpose) for site in read], f"{self.reference!r}, {counts}"
        )

    def dataset(
        self,
        *,
        node: Nodes = None,
        purpose: str = "",
        **options: Unpack[DatasetOptions],
    ) -> FrameDataset | FrameStream:
        """A PyTorch data set of (image, target) pairs, without Flower: `open`, then `OpenedView.dataset`."""
        return self.open(node, purpose=purpose).dataset(**options)

    def torch(
        self,
        transform: Callable[[Any], Any] | None = None,
        *,
        map_style: bool = False,
        block: int = 32,
        node: Nodes = None,
        purpose: str = "",
    ) -> FrameDataset | FrameStream:
        """A PyTorch data set of what `transform` makes of a frame: `open`, then `OpenedView.torch`."""
        return self.open(node, purpose=purpose).torch(transform, map_style=map_style, block=block)

    def numpy(
        self,
        decode: Callable[[Any], Any] | Mode | None = None,
        target: Callable[[Any], Any] | Target = "label",
        *,
        source: str = "",
        epoch: int | None = None,
        node: Nodes = None,
        purpose: str = "",
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """All frames as two arrays, X and y: `open`, then `OpenedView.numpy`."""
        with self.open(node, purpose=purpose) as opened:
            return opened.numpy(decode, target, source=source, epoch=epoch)

    def counts(self, *, of: str = "frames", node: Nodes = None, purpose: str = "") -> dict[str, int]:
        """Label -> how many frames (or annotations) carry it; reads no bytes: `open`, then `OpenedView.counts`."""
        with self.open(node, purpose=purpose) as opened:
            return opened.counts(of=of)

    def _reader_of(self, site: str, nodes: Mapping[str, NodeClient], purpose: str) -> Reader:
        if site:
            return nodes[site].open(view=self.reference, purpose=purpose)
        repeat = bool(self._spec.get("iteration", {}).get("repeat"))
        return UriReader(self._client, self.id, clips=self._clips, repeat=repeat)

    def to_list(self) -> list[Delivered]:
        """All frames of one pass."""
        self._check_ends("iterate, and stop when you have enough")
        return [*self.get_iterator()]

    def to_dict(self, *, projection: Texts = ()) -> list[dict[str, Any] | list[dict[str, Any]]]:
        """All frames of one pass in their plain form; of a view of clips a list for each clip."""
        self._check_ends("iterate, and stop when you have enough")
        found = self.get_iterator(projection=projection)
        return [[frame.plain for frame in each] if isinstance(each, list) else each.plain for each in found]

    def export(
        self, to: str | Path | BinaryIO, *, format: str = "jsonl", media: str = "", split_by: str = "",
        uri_prefix: str = "", progress: bool = False,
    ) -> Ledger:  # fmt: skip
        """Writes what the view selects: each frame of one pass once, in order, labels mapped.

        Args:
            to: a new file, a stream of bytes, or (for formats of several files) a new folder.
            format: as `docs/formats.md` lists them.
            media: `copy` or `link` puts pictures beside their annotations, in a folder; empty: metadata only.
            split_by: field whose values divide the export, such as `meta.split`.
            uri_prefix: URIs below it keep their path, so that `import_frames(uri_prefix=…)` gives the same frames.

        Returns:
            What was written, and what the format cannot hold; each kind of loss is a warning, too.

        Raises:
            AlreadyExists: there is something in that place; nothing is ever overwritten.
        """
        place = Path(to) if isinstance(to, str) else to
        how = How(format, media, split_by, uri_prefix)
        return export(self._client, self._subject(), place, how, progress=progress)

    def verify(self) -> tuple[bool, list[str]]:
        """Evaluates a published view again: whether selection, order and record are the stored ones, and what differs.

        What differs says of each rule and site how many frames, and names some.
        """
        answer = self._client.send(pb.VerifyDataViewRequest(view=self.reference), timeout_s=600)
        self.withdrawn = answer.withdrawn
        return answer.ok, [*answer.differences]

    def _subject(self) -> Subject:
        """What an export says of the view."""
        stored = self._stored
        published = datetime.fromtimestamp(stored.published_ms / 1000, UTC) if stored and stored.published_ms else None
        return Subject(
            self._target, self.name or "data view", description=str(self._spec.get("description", "")),
            identifier=self.reference if self.published else "",
            published=published.date().isoformat() if published else "",
            rois_apart=self._spec.get("output_rois") == "frame_per_roi",
        )  # fmt: skip

    def _first_frames(self) -> Iterator[Delivered]:
        """Some frames, within the time that a notebook waits; nothing is published for it."""
        target = pb.ViewOrSpec(view=self.id) if self.published else pb.ViewOrSpec(spec=self._text)
        request = pb.ReadDataViewRequest(target=target, limit=first_frames.COUNT)
        for answer in self._client.stream(request, timeout_s=first_frames.SHOWING_S):
            yield from (frame for each in answer.entries if (frame := self._reader.frame(each)) is not None)

    @property
    def _reader(self) -> ViewReader:
        return ViewReader(self._client, self._clips, self._count_withdrawn)

    def _count_withdrawn(self) -> None:
        self.withdrawn += 1

    def _check_ends(self, advice: str) -> None:
        if self._spec.get("iteration", {}).get("repeat"):
            raise InvalidView(
                f"this view repeats without end; {advice}, or read one epoch with the argument `epoch` of "
                "`view.dataset` or `view.numpy`"
            )

    def __repr__(self) -> str:
        return f"DataView({self.reference!r}, {self.status}, {rules_in_words(self._spec)})"

    def _repr_html_(self) -> str:
        sites = {site or "(no site)": count for site, count in self.site_counts.items()}
        facts = {"frames of sites": sites, "project": self._project, "id": self.id}
        title = f"DataView {self.reference} ({self.status})"
        return Table.of_facts(title, facts).html() + rules_table(self._spec).html() + pictures(self._first_frames)
