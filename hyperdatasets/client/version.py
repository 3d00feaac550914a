"""Versions of datasets as users hold them: found, made, named, compared, published; their frames: `version_frames`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperdatasets.client import diffs, json_text, project_paths
from hyperdatasets.client.arguments import Texts, texts
from hyperdatasets.client.checks import CheckReport, naming, read_checks, report
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.diffs import VersionDiff
from hyperdatasets.client.first_frames import pictures
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.metadata import MetadataClient, current, pages
from hyperdatasets.client.version_frames import VersionFrames
from hyperdatasets.core.errors import AlreadyExists, InvalidArgument
from hyperdatasets.core.tables import Table
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import check_service_pb2 as checks_pb
from hyperdatasets.v1 import version_service_pb2 as pb

CHECKS_S = 600  # deadline where checks may run, in seconds
_NAMED = 5  # collisions that a warning names


@dataclass(frozen=True, slots=True)
class Collision:
    """A frame that several parents changed in different ways since their common ancestor.

    Attributes:
        kept_from: id of the parent whose state stays.
        kept: the revision that stays; None: that parent has deleted the frame.
        others: revisions that do not stay.
        deleted: whether another parent has deleted the frame.
    """

    frame_id: str
    kept_from: str
    kept: int | None
    others: tuple[int, ...]
    deleted: bool = False


ON_COLLISION = {"later_wins": pb.ON_COLLISION_LATER_WINS, "refuse": pb.ON_COLLISION_REFUSE}


class DatasetVersion(VersionFrames):
    """A lazy handle: it holds what was read last; `refresh` reads again."""

    def __init__(self, message: pb.Version, client: MetadataClient | None = None) -> None:
        super().__init__(message, client)
        self.collisions: list[Collision] = []
        """Of a version just made from several parents: what they changed in different ways (the first 1,000)."""
        self.merge_bases: list[str] = []
        """Of such a version: ids of the common ancestors that parents were compared with; empty where there is none."""
        self.mask_label_collisions: dict[tuple[int, ...], list[str]] = {}
        """Of such a version: mask values that parents labelled in different ways, with the labels that stay."""

    # --- found and made

    @classmethod
    def create_version(
        cls,
        dataset_name: str = "",
        version_name: str = "",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        parent_version_names: Texts = (),
        parent_version_ids: Texts = (),
        comment: str = "",
        metadata: Mapping[str, Any] | None = None,
        tags: Texts = (),
        on_collision: str = "later_wins",
        raise_if_exists: bool = False,
        client: MetadataClient | None = None,
    ) -> DatasetVersion:
        """A draft with the frames of its parents (all published), merged; an existing one is returned.

        Args:
            on_collision: of what parents changed in different ways: `later_wins`, or `refuse` to make the version.

        Raises:
            MergeCollides: that is refused, and there is such a thing.
        """
        if on_collision not in ON_COLLISION:
            raise InvalidArgument(
                f"`option on_collision`: expected {' or '.join(ON_COLLISION)}, got {on_collision!r:.60}"
            )
        dataset = _dataset(dataset_name, dataset_project, dataset_id)
        request = pb.CreateVersionRequest(
            dataset=dataset, name=version_name,
            parents=[*texts(parent_version_names, "parents"), *texts(parent_version_ids, "parents")],
            comment=comment, tags=texts(tags, "tags"), metadata_json=json_text.write(metadata),
            on_collision=ON_COLLISION[on_collision],
        )  # fmt: skip
        try:
            answer = current(client).send(request)
        except AlreadyExists:
            if raise_if_exists:
                raise
            return cls.get_version(dataset_id=dataset, version_name=version_name, client=client)
        made = cls(answer.version, client)
        made._read_merge(answer)
        return made

    def _read_merge(self, answer: pb.CreateVersionResponse) -> None:
        self.merge_bases = list(answer.base_version_ids)
        self.collisions = [
            Collision(
                each.frame_id, each.winner_version_id,
                each.winner_revision if each.HasField("winner_revision") else None,
                tuple(each.loser_revisions), each.loser_deleted,
            )
            for each in answer.collisions
        ]  # fmt: skip
        self.mask_label_collisions = {tuple(each.value): list(each.labels) for each in answer.mask_label_collisions}
        counts = {"frame": answer.collision_count, "mask value": len(self.mask_label_collisions)}
        told = " and ".join(counted(count, what) for what, count in counts.items() if count)
        if told:
            named = [f"`{each.frame_id}`" for each in self.collisions] + [
                f"mask value {', '.join(map(str, value))}" for value in self.mask_label_collisions
            ]
            more = " and others" if len(named) > _NAMED else ""
            warnings.warn(
                f"parents changed {told} in different ways; the later parent won: {', '.join(named[:_NAMED])}{more}",
                stacklevel=3,
            )

    @classmethod
    def create_new_dataset(
        cls, dataset_name: str, *, dataset_project: str = "", client: MetadataClient | None = None, **more: Any
    ) -> DatasetVersion:
        """A new dataset, with the arguments of `Dataset.create`; returns its empty draft."""
        dataset = Dataset.create(dataset_name, dataset_project=dataset_project, client=client, **more)
        return cls.get_version(dataset_id=dataset.id, client=client)

    @classmethod
    def get_version(
        cls,
        dataset_name: str = "",
        version_name: str = "",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        version_id: str = "",
        client: MetadataClient | None = None,
    ) -> DatasetVersion:
        """The version of this name or id; without one the newest draft, or else the newest version."""
        dataset = _dataset(dataset_name, dataset_project, dataset_id)
        wanted = version_id or version_name
        if not wanted and len(cls.get_versions(dataset_id=dataset, only_draft=True, client=client)) > 1:
            warnings.warn("the dataset has several drafts; this is the newest of them", stacklevel=2)
        return cls(current(client).send(pb.GetVersionRequest(dataset=dataset, version=wanted)).version, client)

    @classmethod
    def get_current(
        cls, dataset_name: str = "", *, dataset_project: str = "", dataset_id: str = "",
        client: MetadataClient | None = None,
    ) -> DatasetVersion:  # fmt: skip
        """The working copy: the newest draft, or else the newest version."""
        dataset = _dataset(dataset_name, dataset_project, dataset_id)
        return cls(current(client).send(pb.GetVersionRequest(dataset=dataset)).version, client)

    @classmethod
    def get_versions(
        cls,
        dataset_name: str = "",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        only_published: bool = False,
        only_draft: bool = False,
        text: str = "",
        client: MetadataClient | None = None,
    ) -> list[DatasetVersion]:
        """Versions, the oldest first; with all words of a free text in name, comment or tags."""
        state = pb.VERSION_STATE_UNSPECIFIED
        if only_published != only_draft:
            state = pb.VERSION_STATE_PUBLISHED if only_published else pb.VERSION_STATE_DRAFT
        dataset = _dataset(dataset_name, dataset_project, dataset_id)
        request = pb.ListVersionsRequest(dataset=dataset, state=state, text=text)
        return [cls(each, client) for page in pages(current(client), request) for each in page.versions]

    @classmethod
    def get_datasets(cls, *, tags: Texts = (), client: MetadataClient | None = None) -> list[Dataset]:
        return Dataset.list(tags=tags, client=client)

    @classmethod
    def create_snapshot(
        cls,
        dataset_name: str = "",
        publish_name: str = "",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        child_name: str = "",
        child_metadata: Mapping[str, Any] | None = None,
        child_comment: str = "",
        force: bool = False,
        client: MetadataClient | None = None,
    ) -> DatasetVersion:
        """Publishes the draft under a name and opens a draft child in one step; returns the published version.

        Raises:
            ChecksFailed: the dataset's gate is not passed; `force` publishes all the same, and the version says so.
        """
        request = pb.CreateSnapshotRequest(
            dataset=_dataset(dataset_name, dataset_project, dataset_id), publish_name=publish_name,
            child_name=child_name, child_comment=child_comment,
            child_metadata_json=json_text.write(child_metadata), force=force,
        )  # fmt: skip
        return cls(current(client).send(request, timeout_s=CHECKS_S).published, client)

    @classmethod
    def get_single_frame(
        cls,
        frame_id: str,
        *,
        dataset_name: str = "",
        dataset_project: str = "",
        dataset_id: str = "",
        version_name: str = "",
        version_id: str = "",
        client: MetadataClient | None = None,
    ) -> AnyFrame:
        version = cls.get_version(
            dataset_name=dataset_name, dataset_project=dataset_project, dataset_id=dataset_id,
            version_name=version_name, version_id=version_id, client=client,
        )  # fmt: skip
        return version.get_frame(frame_id)

    # --- what it is

    @property
    def published(self) -> bool:
        return self._message.state == pb.VERSION_STATE_PUBLISHED

    @property
    def parents(self) -> list[str]:
        return list(self._message.parent_ids)

    @property
    def tags(self) -> list[str]:
        return list(self._message.tags)

    @property
    def forced(self) -> bool:
        """Whether it was published although checks of its dataset failed."""
        return self._message.forced

    @property
    def frame_count(self) -> int:
        return self._message.frame_count

    @property
    def annotated_count(self) -> int:
        return self._message.annotated_count

    def site_counts(self) -> dict[str, int]:
        """Frames of each site; `""` for those without a site."""
        return {leaf.site: leaf.count for leaf in self._message.sites}

    def get_metadata(self) -> dict[str, Any]:
        """The version's metadata; mask labels stand under `mask_labels`."""
        metadata: dict[str, Any] = json_text.read(self._message.metadata_json) or {}
        if self._message.mask_labels:
            listed = [{"value": list(each.value), "labels": list(each.labels)} for each in self._message.mask_labels]
            metadata["mask_labels"] = {"_all_": listed}
        return metadata

    # --- changing it

    def set_version_name(self, name: str) -> None:
        self._update(name=name)

    def set_comment(self, comment: str) -> None:
        self._update(comment=comment)

    def set_metadata(self, metadata: Mapping[str, Any]) -> None:
        self._update(metadata_json=json_text.write(metadata))

    def add_tags(self, tags: Texts) -> None:
        self._update(add_tags=texts(tags, "tags"))

    def remove_tags(self, tags: Texts) -> None:
        self._update(remove_tags=texts(tags, "tags"))

    def set_masks_labels(self, labels: Mapping[Sequence[int], Texts]) -> None:
        """What the values of mask pixels mean: `{(1, 1, 1): ["person"]}`."""
        listed = [pb.MaskLabel(value=value, labels=texts(names, "labels")) for value, names in labels.items()]
        self._update(mask_labels=pb.MaskLabels(mask_labels=listed))

    def publish_version(self, publish_name: str = "", *, force: bool = False) -> DatasetVersion:
        """Freezes frames and mask labels for ever.

        Raises:
            ChecksFailed: the dataset's gate is not passed; `force` publishes all the same, and the version says so.
        """
        request = pb.PublishVersionRequest(**self._named, name=publish_name, force=force)
        return self._read(self._client.send(request, timeout_s=CHECKS_S).version)

    def check(self, path: str | Path = "") -> CheckReport:
        """Runs the checks of a YAML file on this version as it is now, or without a file the dataset's gate.

        The report is stored with the version.

        Raises:
            InvalidChecks: the file has errors; the message names the line.
        """
        request = checks_pb.RunChecksRequest(**self._named, checks=read_checks(path) if path else "")
        with naming(path):
            return report(self._client.send(request, timeout_s=CHECKS_S).report)

    def check_reports(self) -> list[CheckReport]:
        """Reports of checks that ran on this version, the newest first."""
        return [report(each) for each in self._client.send(checks_pb.ListReportsRequest(**self._named)).reports]

    def commit_version(self) -> None:
        """There is nothing to wait for: what was acknowledged is stored."""

    def revert(self) -> DatasetVersion:
        """Makes the draft equal to its parents again."""
        answer = self._client.send(pb.RevertVersionRequest(**self._named))
        if answer.merged_by_earlier_rule:
            warnings.warn(
                "the parents were merged by an earlier rule, by which the later parent won whatever had changed; they "
                "are merged three ways now, and the draft may have other frames than when it was made",
                stacklevel=2,
            )
        return self._read(answer.version)

    def diff(self, other: DatasetVersion | str, *, explain: int = 100, limit: int = 10_000) -> VersionDiff:
        """What `other` has that this version has not, and the other way round; `other` may be named."""
        after = other if isinstance(other, str) else other.id
        return diffs.diff(self._client, **self._named, other=after, explain=explain, limit=limit)

    def _update(self, **changes: Any) -> None:
        self._read(self._client.send(pb.UpdateVersionRequest(**self._named, **changes)).version)

    def __repr__(self) -> str:
        state = "published" if self.published else "draft"
        return f"DatasetVersion({self.name!r}, {state}, {counted(self.frame_count, 'frame')})"

    def _repr_html_(self) -> str:
        published = "published although checks failed" if self.forced else "published"
        facts = {
            "state": published if self.published else "draft",
            "frames": self.frame_count, "annotated": self.annotated_count, "frames of sites": _named_sites(self),
            "comment": self.comment, "tags": self.tags, "parents": self.parents, "metadata": self.get_metadata(),
            "digest": self.digest, "id": self.id, "dataset": self.dataset_id,
        }  # fmt: skip
        return Table.of_facts(f"DatasetVersion {self.name}", facts).html() + pictures(self._first_frames)


def _named_sites(version: DatasetVersion) -> dict[str, int]:
    return {site or "(no site)": count for site, count in version.site_counts().items()}


def _dataset(name: str, project: str, dataset_id: str) -> str:
    return dataset_id or project_paths.address(name, project)
