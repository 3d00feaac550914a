"""Datasets as users hold them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperdatasets.client import json_text, project_paths, vectors
from hyperdatasets.client.arguments import Texts, archive_filter, no_name, texts
from hyperdatasets.client.checks import naming, read_checks
from hyperdatasets.client.metadata import MetadataClient, current, pages
from hyperdatasets.client.uploads import removal
from hyperdatasets.core.errors import AlreadyExists, InvalidArgument
from hyperdatasets.core.tables import Table
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import check_service_pb2 as checks_pb
from hyperdatasets.v1 import dataset_service_pb2 as pb
from hyperdatasets.v1 import frame_service_pb2 as frames_pb
from hyperdatasets.v1 import version_service_pb2 as versions_pb


class Dataset:
    """A lazy handle: it holds what was read last; `refresh` reads again."""

    def __init__(self, message: pb.Dataset, client: MetadataClient | None = None) -> None:
        no_name(message, "`Dataset.get(name)`, or make it with `Dataset.create(name)`")
        self._message, self._client = message, current(client)

    @classmethod
    def create(
        cls,
        dataset_name: str,
        *,
        dataset_project: str = "",
        tags: Texts = (),
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
        raise_if_exists: bool = False,
        client: MetadataClient | None = None,
    ) -> Dataset:
        """A new dataset with an empty draft `Current`; an existing one is returned unless `raise_if_exists`.

        Raises:
            AlreadyExists: also a ValueError.
        """
        project, name = project_paths.split(dataset_name, dataset_project)
        request = pb.CreateDatasetRequest(
            project=project, name=name, description=description, tags=texts(tags, "tags"),
            metadata_json=json_text.write(metadata),
        )  # fmt: skip
        try:
            return cls(current(client).send(request).dataset, client)
        except AlreadyExists:
            if raise_if_exists:
                raise
            return cls.get(name, dataset_project=project, client=client)

    @classmethod
    def get(
        cls,
        dataset_name: str = "",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        client: MetadataClient | None = None,
    ) -> Dataset:
        """The dataset of this name (`project/name`, or bare where it is unique) or id; raises NotFound."""
        wanted = dataset_id or project_paths.address(dataset_name, dataset_project)
        return cls(current(client).send(pb.GetDatasetRequest(dataset=wanted)).dataset, client)

    @classmethod
    def list(
        cls,
        *,
        tags: Texts = (),
        project: str = "",
        name: str = "",
        include_archived: bool = False,
        text: str = "",
        client: MetadataClient | None = None,
    ) -> list[Dataset]:
        """Datasets that carry all these tags, lie in the project or below it, and have the text in their name."""
        request = pb.ListDatasetsRequest(
            project=project, name_contains=name, tags_all=texts(tags, "tags"), text=text,
            archive=archive_filter(include_archived=include_archived),
        )  # fmt: skip
        return [cls(each, client) for page in pages(current(client), request) for each in page.datasets]

    @classmethod
    def delete(
        cls,
        dataset_name: str = "",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        delete_all_versions: bool = False,
        force: bool = False,
        delete_sources: bool = False,
        show_progress: bool = True,
        client: MetadataClient | None = None,
    ) -> None:
        """Deletes a dataset with its versions; published ones by force only, and never while a view names them.

        Args:
            delete_sources: then remove the files that `auto_upload_destination=` put to a storage for it, as long as
                they are what was put there and no other dataset was uploaded to the same place; nothing else.

        Raises:
            RawDataBelongsToSite: sources of a site are to be deleted.
            DestinationFailed: the dataset is deleted, and some of its files could not be removed.
        """
        dataset = cls.get(dataset_name, dataset_project=dataset_project, dataset_id=dataset_id, client=client)
        files = removal(current(client), dataset.id) if delete_sources else None
        if dataset.version_count > 1 and not (delete_all_versions or force):
            raise InvalidArgument(
                f"`{dataset.name}` has {dataset.version_count} versions; `option delete_all_versions` deletes them all"
            )
        current(client).send(pb.DeleteDatasetRequest(dataset=dataset.id, force=force or delete_all_versions))
        if files is not None:
            files.run(show_progress=show_progress)

    @property
    def id(self) -> str:
        return self._message.id

    @property
    def name(self) -> str:
        return self._message.name

    @property
    def project(self) -> str:
        return self._message.project

    @property
    def description(self) -> str:
        return self._message.description

    @property
    def tags(self) -> builtins.list[str]:
        return list(self._message.tags)

    @property
    def metadata(self) -> dict[str, Any]:
        return json_text.read(self._message.metadata_json) or {}

    @property
    def archived(self) -> bool:
        return self._message.archived

    @property
    def version_count(self) -> int:
        return self._message.version_count

    @property
    def address(self) -> str:
        return project_paths.address(self.name, self.project)

    def add_tags(self, tags: Texts) -> None:
        self.update(add_tags=tags)

    def remove_tags(self, tags: Texts) -> None:
        self.update(remove_tags=tags)

    def update(
        self, *, name: str | None = None, project: str | None = None, description: str | None = None,
        metadata: Mapping[str, Any] | None = None, archived: bool | None = None, add_tags: Texts = (),
        remove_tags: Texts = (),
    ) -> Dataset:  # fmt: skip
        """Changes what is given; what is None stays."""
        self._message = self._client.send(pb.UpdateDatasetRequest(
            dataset=self.id, name=name, project=project, description=description, archived=archived,
            metadata_json=None if metadata is None else json_text.write(metadata) or "{}",
            add_tags=texts(add_tags, "add_tags"), remove_tags=texts(remove_tags, "remove_tags"),
        )).dataset  # fmt: skip
        return self

    def refresh(self) -> Dataset:
        self._message = self._client.send(pb.GetDatasetRequest(dataset=self.id)).dataset
        return self

    def delete_version(self, version_name: str = "", *, version_id: str = "", force: bool = False) -> None:
        self._client.send(
            versions_pb.DeleteVersionRequest(dataset=self.id, version=version_id or version_name, force=force)
        )

    def set_gate(self, path: str | Path) -> None:
        """Makes the checks of a YAML file the gate that every version must pass to be published.

        Raises:
            InvalidChecks: the file has errors; the message names the line.
        """
        request = checks_pb.SetGateRequest(dataset=self.id, checks=read_checks(path))
        with naming(path):
            self._client.send(request)

    def remove_gate(self) -> None:
        """Versions are published without checks again."""
        self._client.send(checks_pb.SetGateRequest(dataset=self.id))

    @property
    def gate(self) -> str:
        """The checks that a version must pass to be published, as YAML; empty = none."""
        return str(self._client.send(checks_pb.GetGateRequest(dataset=self.id)).checks)

    def add_vector_field(self, name: str, *, dimensions: int, metric: str = "cosine") -> None:
        """Declares a vector field; without it the first vector that is written does, for cosine."""
        number = vectors.metric_number(metric)
        field = frames_pb.VectorField(name=name, dimensions=dimensions, metric=number)
        self._client.send(frames_pb.CreateVectorFieldRequest(dataset=self.id, field=field))

    def withdraw_frames(self, frame_ids: Texts, *, why: str) -> tuple[int, tuple[str, ...]]:
        """Erases frames without a site from all versions for good, and their copies in other datasets; for admins.

        Published versions and data views keep digests and positions; a withdrawn frame is there, and empty.

        Returns:
            How many revisions were erased, and the ids that were not there (any more).
        """
        request = frames_pb.WithdrawPublicFramesRequest(
            dataset=self.id, frame_ids=texts(frame_ids, "frame_ids"), why=why
        )
        answer = self._client.send(request, timeout_s=600)
        return int(answer.revisions), tuple(answer.missing_ids)

    def vector_fields(self) -> dict[str, vectors.VectorField]:
        """Dimensions and metric of each vector field, by name."""
        answer = self._client.send(frames_pb.ListVectorFieldsRequest(dataset=self.id))
        return {
            each.name: {"dimensions": each.dimensions, "metric": vectors.METRICS[each.metric]}
            for each in answer.fields
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"Dataset({self.address!r}, {counted(self.version_count, 'version')})"

    def _repr_html_(self) -> str:
        facts = {
            "id": self.id, "description": self.description, "tags": self.tags, "versions": self.version_count,
            "archived": self.archived, "metadata": self.metadata,
        }  # fmt: skip
        return Table.of_facts(f"Dataset {self.address}", facts).html()
