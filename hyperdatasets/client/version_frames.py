"""The frames of a version as users hold them: written, changed, read, counted, sampled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

from hyperdatasets.client import arguments, bulk, explore, first_frames, json_text, writing
from hyperdatasets.client import vectors as vectors_client
from hyperdatasets.client.arguments import Texts, no_name, numbers, texts
from hyperdatasets.client.bulk import FailedFrame, WriteResult
from hyperdatasets.client.explore import FrameSet, Sample
from hyperdatasets.client.exports import How, Subject, export
from hyperdatasets.client.field_facts import SchemaField, Statistics
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.long_reads import FramesRest, long_read
from hyperdatasets.client.metadata import MetadataClient, current
from hyperdatasets.client.progress import bar, bars
from hyperdatasets.client.query_warnings import tell
from hyperdatasets.client.stored import frame_of
from hyperdatasets.client.uploads import Uploader, check_destination
from hyperdatasets.client.vectors import Neighbours
from hyperdatasets.core.errors import InvalidArgument, NotFound
from hyperdatasets.core.query.syntax import check_characters
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import frame_service_pb2 as frames_pb
from hyperdatasets.v1 import version_service_pb2 as pb

_IDS = 200  # frames asked for by id at once


class VersionFrames:
    """A version as what it is, a set of frames; `DatasetVersion` adds its name, its state and its relations."""

    def __init__(self, message: pb.Version, client: MetadataClient | None = None) -> None:
        no_name(message, "`DatasetVersion.get_version(dataset_name, version_name)`, or the draft with `get_current`")
        self._message, self._client = message, current(client)

    @property
    def id(self) -> str:
        return self._message.id

    @property
    def dataset_id(self) -> str:
        return self._message.dataset_id

    @property
    def name(self) -> str:
        return self._message.name

    @property
    def comment(self) -> str:
        return self._message.comment

    @property
    def digest(self) -> str:
        """The content digest: equal wherever the same frames are kept."""
        return self._message.digest

    def refresh(self) -> Self:
        return self._read(self._client.send(pb.GetVersionRequest(**self._named)).version)

    # --- written and changed

    def add_frames(
        self,
        frames: Iterable[AnyFrame],
        *,
        progress: bool = False,
        auto_upload_destination: str | Path = "",
        local_dataset_root_path: str | Path = "",
        upload_retries: int = 5,
        etag: bool = False,
    ) -> WriteResult:
        """Adds or replaces frames; read from any iterable as the service takes them.

        Args:
            auto_upload_destination: put local files (sources, masks, previews) there first, a folder or a URL such as
                `s3://bucket/folder`, and write the frames with their new URIs. Frames of a site are refused.
            local_dataset_root_path: paths below this folder are kept at the destination.
            upload_retries: how often a file is tried again.
            etag: refuse a frame that somebody has changed since it was read (`ETAG_MISMATCH` among the failures); all
                frames must have been read from this dataset.

        Returns:
            The frames that failed (index, id, reason, message), with `.added`, `.updated`, `.unchanged`.

        Raises:
            DestinationFailed: files cannot be put there; what was written stays, and adding again goes on.
        """
        root, destination = str(local_dataset_root_path), str(auto_upload_destination)
        check_destination(destination, root)
        kinds = ("files", "frames") if destination else ("frames",)
        with bars(*kinds, shown=progress) as counted:
            uploader = None
            if destination:
                uploader = Uploader(self._client, self.dataset_id, destination, root, upload_retries, counted[0])
            result = writing.add(
                self._client, frames, **self._named, uploader=uploader, progress=counted[-1], etag=etag
            )  # fmt: skip
        self.refresh()
        return result

    def update_frames(self, frames: Iterable[AnyFrame], **options: Any) -> WriteResult:
        """The same as `add_frames`, with its options."""
        return self.add_frames(frames, **options)

    def write(self, plain: Iterable[Mapping[str, Any]], *, mode: str = "upsert", progress: bool = False) -> WriteResult:
        """Writes frames in their plain form.

        A frame may have an `etag` in it, the number of the revision that was read: it is refused if somebody has
        changed it since (`ETAG_MISMATCH` among the failures).
        """
        with bar("frames", shown=progress) as advance:
            result = bulk.write_each(
                self._client, map(bulk.with_etag, bulk.iterated(plain)), dataset=self.dataset_id, version=self.id,
                mode=mode, progress=advance,
            )  # fmt: skip
        self.refresh()
        return result

    def add_table(self, table: Any, *, mode: str = "upsert", progress: bool = False) -> WriteResult:
        """Writes frames given as a pyarrow table, a row a frame; much faster than objects.

        Columns: `docs/bulk-writes.md`. Needs the extra `arrow`, here and at the service.
        """
        with bar("frames", shown=progress) as advance:
            result = bulk.write_table(
                self._client, table, dataset=self.dataset_id, version=self.id, mode=mode, progress=advance
            )
        self.refresh()
        return result

    def delete_frames(
        self, frames_or_ids: AnyFrame | str | Iterable[AnyFrame | str] = (), *, frame_query: str = "",
        roi_query: Texts = "", source_query: str = "", preview: bool = False,
    ) -> int:  # fmt: skip
        """Removes frames by id or by query; returns how many (`preview`: would be)."""
        given: Iterable[AnyFrame | str]
        given = [frames_or_ids] if isinstance(frames_or_ids, str | AnyFrame) else frames_or_ids
        ids = [each if isinstance(each, str) else each.id for each in given]
        request = frames_pb.DeleteFramesRequest(
            **self._named, frame_ids=ids, filter=_filter(frame_query, roi_query, source_query), preview=preview
        )
        answer = self._client.send(request)
        tell(answer.warnings)
        self.refresh()
        return int(answer.deleted)

    def copy_frames(
        self, other: VersionFrames, *, frame_query: str = "", roi_query: Texts = "", source_query: str = "",
        preview: bool = False,
    ) -> WriteResult:  # fmt: skip
        """Puts frames of another version, also of another dataset, into this draft."""
        answer = self._client.send(frames_pb.CopyFramesRequest(
            from_dataset=other.dataset_id, from_version=other.id, filter=_filter(frame_query, roi_query, source_query),
            **self._named, preview=preview,
        ))  # fmt: skip
        tell(answer.warnings)
        result = WriteResult()
        result.added, result.updated, result.unchanged = answer.added, answer.updated, answer.unchanged
        result.extend(FailedFrame(each.index, each.frame_id, each.reason, each.message) for each in answer.failures)
        self.refresh()
        return result

    def update_by_query(
        self,
        *,
        frame_query: str = "",
        roi_query: Texts = "",
        source_query: str = "",
        add_labels: Texts = (),
        remove_labels: Texts = (),
        relabel: Mapping[str, str] | None = None,
        set_meta: Mapping[str, Any] | None = None,
        preview: bool = False,
        etag: int | None = None,
    ) -> int:
        """Changes every frame that matches, as one atomic edit; returns how many change (`preview`: would).

        Args:
            etag: of the only frame that matches, as read (`frame.etag`); refuses the edit if somebody was faster.

        Raises:
            EtagMismatch: the frame has been changed since.
            InvalidArgument: no query is given; `frame_query="*"` means all frames.
        """
        if not (frame_query or roi_query or source_query):
            raise InvalidArgument("a query says which frames change; `option frame_query=*` means all of them")
        answer = self._client.send(frames_pb.UpdateByQueryRequest(
            **self._named, filter=_filter(frame_query, roi_query, source_query),
            add_labels=texts(add_labels, "add_labels"),
            remove_labels=texts(remove_labels, "remove_labels"), relabel=relabel or {}, preview=preview,
            set_meta_json=json_text.write(set_meta), frame_etag=etag,
        ))  # fmt: skip
        tell(answer.warnings)
        self.refresh()
        return int(answer.updated)

    # --- read

    def frames(
        self,
        *,
        frame_query: str = "",
        roi_query: Texts = "",
        source_query: str = "",
        order_by: str = "",
        limit: int = 0,
        projection: Texts = (),
    ) -> Iterator[AnyFrame]:
        """The frames that match; `order_by` is a field, with a leading `-` descending."""
        if not isinstance(order_by, str):
            raise InvalidArgument(f"order_by: expected one field, got {order_by!r:.60}")
        request = frames_pb.QueryFramesRequest(
            **self._named, filter=_filter(frame_query, roi_query, source_query), limit=limit,
            projection=texts(projection, "projection"),
            order_by=frames_pb.SortKey(field=order_by.removeprefix("-"), descending=order_by.startswith("-")),
        )  # fmt: skip
        for answer in long_read(self._client, FramesRest(request)):
            tell(answer.warnings)
            for stored in answer.frames:
                yield frame_of(stored, **self._named, whole=not request.projection)

    def export(
        self, to: str | Path | BinaryIO, *, format: str = "jsonl", frame_query: str = "", media: str = "",
        split_by: str = "", uri_prefix: str = "", progress: bool = False,
    ) -> Ledger:  # fmt: skip
        """Writes the frames by context, time and id: see `DataView.export`."""
        rule = {"dataset": self.dataset_id, "version": self.id, "frame_query": frame_query}
        masks = [{"value": list(each.value), "labels": list(each.labels)} for each in self._message.mask_labels]
        subject = Subject(
            views_pb.ViewOrSpec(spec=json_text.write({"rules": [rule]})), self.name,
            description=self.comment, identifier=self.digest if not frame_query else "", mask_labels=masks,
        )  # fmt: skip
        place = Path(to) if isinstance(to, str) else to
        return export(self._client, subject, place, How(format, media, split_by, uri_prefix), progress=progress)

    def __len__(self) -> int:
        """Number of frames."""
        return int(self._message.frame_count)

    def __bool__(self) -> bool:
        return True  # also without frames

    def __iter__(self) -> Iterator[AnyFrame]:
        return self.frames()

    def __contains__(self, frame_id: object) -> bool:
        """Whether the version has a frame of this id."""
        return isinstance(frame_id, str) and bool(self.held(frame_id))

    def __getitem__(self, frame_id: str) -> AnyFrame:
        if not isinstance(frame_id, str):
            raise InvalidArgument(
                f"frames of a version have ids, not positions; got {frame_id!r:.60}: iterate over the version, or take "
                "`version[frame_id]`"
            )
        return self.get_frame(frame_id)

    def get_frame(self, frame_id: str) -> AnyFrame:
        """The frame of this id; raises NotFound."""
        if not isinstance(frame_id, str):
            raise InvalidArgument(f"frame_id: expected the id of a frame, a text, got {frame_id!r:.60}")
        answer = self._client.send(frames_pb.BatchGetFramesRequest(**self._named, frame_ids=[frame_id]))
        if not answer.frames:
            raise NotFound(f"version `{self.name}` has no frame `{frame_id}`", kind="frame", name=frame_id)
        return frame_of(answer.frames[0], **self._named)

    def held(self, frame_ids: Texts) -> list[str]:
        """Which of these frames the version has."""
        ids, found = iter(texts(frame_ids, "frame_ids")), list[str]()
        while part := list(islice(ids, _IDS)):
            answer = self._client.send(frames_pb.BatchGetFramesRequest(**self._named, frame_ids=part))
            found += [each.frame.id for each in answer.frames]
        return found

    def set_vectors(self, field: str, vectors: Mapping[str, Sequence[float]]) -> WriteResult:
        """Gives frames of this version (draft or published) a vector each, by frame id; written once.

        Returns:
            The vectors that were refused (index, id, reason, message), with `.added` and `.unchanged`.
        """
        return vectors_client.write(self._client, vectors, field=field, **self._named)

    def get_vectors(self, field: str, frame_ids: Texts) -> dict[str, list[float]]:
        """The vectors of these frames; frames without one are left out."""
        return vectors_client.read(self._client, texts(frame_ids, "frame_ids"), field=field, **self._named)

    def vectors(
        self, field: str, *, frame_query: str = "", roi_query: Texts = "", source_query: str = ""
    ) -> Iterator[tuple[str, list[float]]]:
        """(frame id, vector) of the frames that match and have one, by revision."""
        chosen = self.frames(frame_query=frame_query, roi_query=roi_query, source_query=source_query, projection=["id"])
        while ids := [frame.id for frame in islice(chosen, vectors_client.READ)]:
            yield from self.get_vectors(field, ids).items()

    def nearest(
        self,
        field: str,
        *,
        to: str | Sequence[float],
        k: int = 10,
        metric: str = "",
        exact: bool | None = None,
        frame_query: str = "",
        roi_query: Texts = "",
        source_query: str = "",
    ) -> Neighbours:
        """The frames whose vectors are the most alike to a vector, or to that of a frame (by id).

        Args:
            metric: cosine, l2 or inner_product; default: the field's.
            exact: True compares every vector; else large fields are searched by graphs that may miss a few.

        Returns:
            (frame, value), the nearest first; the frame that was asked about is not among them.
        """
        found = vectors_client.search(
            self._client, field=field, to=to, k=k, metric=metric, exact=bool(exact),
            filter=_filter(frame_query, roi_query, source_query), **self._named,
        )  # fmt: skip
        tell(found.warnings)
        return found

    def count(self, *, frame_query: str = "", roi_query: Texts = "", source_query: str = "") -> int:
        answer = self._client.send(
            frames_pb.CountFramesRequest(**self._named, filter=_filter(frame_query, roi_query, source_query))
        )
        tell(answer.warnings)
        return int(answer.count)

    def statistics(
        self,
        field: str,
        *,
        where: str = "",
        roi_query: Texts = "",
        source_query: str = "",
        limit: int = 100,
        bins: int = 20,
        quantiles: float | Sequence[float] = (),
        pairs: bool = False,
    ) -> Statistics:
        """What values a field has, under any filter; a ROI query also narrows the ROIs that are looked at.

        Args:
            field: as `schema` lists them, or `num_rois`, `rois.aspect`, `rois.relative_width`,
                `rois.relative_height`, `rois.relative_area`.
            where: frame query.
            limit: values that are counted, the most frequent first; `distinct` tells how many there are.
            quantiles: shares from 0 to 1, or one; default: minimum, quartiles, maximum.
            pairs: also which of the values occur together.

        Returns:
            frames, elements (frames, ROIs or sources that were looked at), missing (those without a value), values,
            distinct, counts {value: elements}, frame_counts {value: frames}, histogram [(low, high, count)], quantiles;
            dates (None, or count, histogram, quantiles); pairs [(value, value, elements, frames)]. The dictionary
            shows itself as tables.
        """
        return explore.statistics(
            self._client, filter=_filter(where, roi_query, source_query), field=field, limit=limit, bins=bins,
            quantiles=numbers(quantiles, "quantiles"), pairs=pairs, **self._named,
        )  # fmt: skip

    def schema(self, *, frame_query: str = "", roi_query: Texts = "", source_query: str = "") -> dict[str, SchemaField]:
        """Every field: types, count (frames that have it), distinct values, the most frequent ones under `top`."""
        return explore.schema(self._client, filter=_filter(frame_query, roi_query, source_query), **self._named)

    def sample(
        self,
        *,
        by: str,
        per_value: int = 0,
        share: float = 0,
        seed: int = 0,
        frame_query: str = "",
        roi_query: Texts = "",
        source_query: str = "",
        projection: Texts = (),
    ) -> Sample:
        """At most `per_value` frames for each value of a field, or a share of those that hold it, rounded up.

        A frame that holds several values (labels) counts for each of them. The same seed draws the same frames of a
        version.
        """
        return explore.sample(
            self._client, filter=_filter(frame_query, roi_query, source_query), by=by, per_value=per_value,
            share=share, seed=seed, projection=texts(projection, "projection"), **self._named,
        )  # fmt: skip

    def groups(
        self, by: str, *, order: str = "count", frame_query: str = "", roi_query: Texts = "", source_query: str = ""
    ) -> Iterator[FrameSet]:
        """The values of a field, each with how many frames hold it and the first of them; read page by page.

        Args:
            order: `count` (most frames first) or `value`.
        """
        return explore.groups(
            self._client, filter=_filter(frame_query, roi_query, source_query), by=by, order=order, **self._named
        )

    def _first_frames(self) -> Iterator[AnyFrame]:
        """Some frames, within the time that a notebook waits."""
        request = frames_pb.QueryFramesRequest(**self._named, limit=first_frames.COUNT)
        for answer in self._client.stream(request, timeout_s=first_frames.SHOWING_S):
            yield from (frame_of(stored, **self._named) for stored in answer.frames)

    @property
    def _named(self) -> dict[str, Any]:
        return {"dataset": self.dataset_id, "version": self.id}

    def _read(self, message: pb.Version) -> Self:
        self._message = message
        return self


def _filter(frame_query: str, roi_query: Texts, source_query: str) -> frames_pb.FrameFilter:
    rois = arguments.roi_query(roi_query)
    for query in (frame_query, rois, source_query):
        check_characters(query)
    return frames_pb.FrameFilter(frame_query=frame_query, roi_query=rois, source_query=source_query)
