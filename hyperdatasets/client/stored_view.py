"""Data views as the service keeps them: found, stored, published, and named in an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import orjson

from hyperdatasets.client import json_text, project_paths
from hyperdatasets.client.arguments import Texts, archive_filter, texts
from hyperdatasets.client.local_view import IterationOrder, LocalView, order_value, rules_of, view_of_yaml
from hyperdatasets.client.metadata import MetadataClient, current, pages
from hyperdatasets.client.query_warnings import tell
from hyperdatasets.client.view_comparison import ViewComparison, same
from hyperdatasets.core.errors import AlreadyExists, HyperdatasetsError, NotFound, ViewPublished
from hyperdatasets.core.selection import SiteSelection
from hyperdatasets.v1 import dataview_service_pb2 as pb


class StoredView(LocalView):
    """A view with its place at the service: local until it is stored or published; `DataView` reads it."""

    def __init__(
        self,
        name: str = "",
        *,
        description: str = "",
        tags: Texts = (),
        project: str = "",
        iteration_order: IterationOrder | str = IterationOrder.sequential,
        iteration_infinite: bool = False,
        iteration_random_seed: int = 7,
        iteration_limit: int | str | None = None,
        maximum_number_of_frames: int | None = None,
        queries: Sequence[Mapping[str, Any]] = (),
        client: MetadataClient | None = None,
    ) -> None:
        limit = maximum_number_of_frames if iteration_limit is None else iteration_limit
        iteration = {"order": order_value(iteration_order), "repeat": iteration_infinite,
                     "seed": iteration_random_seed, "limit": limit}  # fmt: skip
        spec: dict[str, Any] = {
            "versions": [],
            "rules": rules_of(queries),
            "mapping": [],
            "iteration": iteration,
        }
        above, bare = project_paths.split(name, project, prefix="")
        named = {"name": bare, "description": description, "tags": texts(tags, "tags")}
        super().__init__(spec | {key: value for key, value in named.items() if value})
        self._project, self._given = above, client
        self._stored: pb.DataView | None = None
        self._before_use: Callable[[], None] | None = None
        self._settled = self._replaced = False
        self.withdrawn = 0
        """The number of frames withdrawn since publishing, as `verify` or the last pass over the view found it."""

    # --- found

    @classmethod
    def get(
        cls, name: str = "", *, project: str = "", dataview_id: str = "", client: MetadataClient | None = None
    ) -> Self:
        """The view of this name (bare or `project/name`), `name@sha256:…`, or id."""
        wanted = dataview_id or project_paths.address(name, project, prefix="")
        answer = current(client).send(pb.GetDataViewRequest(view=wanted))
        return cls._of(answer.view, client)

    @classmethod
    def list(
        cls, *, project: str = "", name: str = "", text: str = "", include_archived: bool = False,
        client: MetadataClient | None = None,
    ) -> list[Self]:  # fmt: skip
        """Views in the project or below it, with the name's part, and with all words of a free text."""
        archive = archive_filter(include_archived=include_archived)
        request = pb.ListDataViewsRequest(project=project, name_contains=name, text=text, archive=archive)
        return [cls._of(each, client) for page in pages(current(client), request) for each in page.views]

    @classmethod
    def from_yaml(cls, text: str | Path, *, project: str = "", client: MetadataClient | None = None) -> Self:
        """A local view from YAML text, or from a file (a `Path`, or a name that ends with `.yaml` or `.yml`).

        Raises:
            NotFound: there is no such file.
            InvalidView, InvalidQuery: what is wrong, and where.
        """
        view = cls(project=project, client=client)
        view._spec = view_of_yaml(text)
        return view

    @classmethod
    def _of(cls, message: pb.DataView, client: MetadataClient | None) -> Self:
        view = cls(project=message.project, client=client)
        view._keep(message)
        return view

    # --- kept

    def store(self, *, project: str = "") -> Self:
        """Stores a draft, or what was changed in it since; in `project` if the view was made without one."""
        self.settle()
        if self._stored is None:
            request = pb.CreateDataViewRequest(project=self._project or project, spec=self._text)
            self._keep(self._client.send(request).view)
        elif not self.published:
            self._keep(self._client.send(pb.UpdateDataViewRequest(view=self.id, spec=self._text)).view)
        return self

    def publish(self) -> Self:
        """Pins the versions, stores the selection with its digest, freezes the view.

        A published view of the same name that is the same already is taken as it is, so that a cell of a notebook can
        run again. A local view that cannot be published stays a local one.

        Raises:
            AlreadyExists: there is another view of this name.
        """
        self.settle()
        local = self._stored is None
        try:
            self.store()
        except AlreadyExists:
            if not self.take_same():
                raise
        if self._replaced or (self.published and (local or self._before_use is not None)):
            return self  # taken as it is, or the experiment saw to it
        self._freeze(local=local)
        return self

    def _freeze(self, *, local: bool) -> None:
        """Publishes the draft; one that was stored for that only is not left behind if it fails."""
        try:
            answer = self._client.send(pb.PublishDataViewRequest(view=self.id), timeout_s=600)
        except HyperdatasetsError:
            if local:
                with suppress(HyperdatasetsError):  # the first error is the one that says what to do
                    self.delete()
            raise
        tell(answer.warnings)
        self._keep(answer.view)

    def take_same(self) -> bool:
        """Takes over the published view of its name, if that has this specification and selects the same frames."""
        try:
            there = type(self).get(name=self.name, project=self._project, client=self._given)
        except NotFound:  # it is in another project, which this user may not even see
            return False
        if not there.published or not same(there.compare(self)):
            return False
        self.become(there)
        return True

    def compare(self, other: StoredView | str, *, examples: int = 10) -> ViewComparison:
        """What differs between two views; the other one may be named.

        Returns:
            `changes`: path in the specification -> (here, there), None where a side says nothing. `only_here`,
            `only_there`, `both`: numbers of frames. `other_revision`: how many of both differ in their revision.
            `only_here_examples`, `only_there_examples`: ids of the first frames of each kind.
        """
        after = pb.ViewOrSpec(view=other) if isinstance(other, str) else other._target  # noqa: SLF001  # a view's
        request = pb.CompareDataViewsRequest(before=self._target, after=after, examples=examples)
        answer = self._client.send(request, timeout_s=600)
        changed = {
            each.path: (json_text.read(each.before_json), json_text.read(each.after_json)) for each in answer.changes
        }
        return {
            "changes": changed, "only_here": answer.only_before, "only_there": answer.only_after, "both": answer.both,
            "other_revision": answer.other_revision,
            "only_here_examples": [each.frame_id for each in answer.only_before_examples],
            "only_there_examples": [each.frame_id for each in answer.only_after_examples],
        }  # fmt: skip

    def clone(self, name: str) -> Self:
        """A new draft with the same specification; `project/name` puts it into another project."""
        self.store()
        answer = self._client.send(pb.CloneDataViewRequest(view=self.id, name=name))
        tell(answer.warnings)
        return self._of(answer.view, self._given)

    def archive(self, *, undo: bool = False) -> None:
        """Leaves the view out of lists, or takes it back into them; also a published one."""
        self._keep(self._client.send(pb.UpdateDataViewRequest(view=self.id, archived=not undo)).view)

    def rename(self, name: str) -> None:
        """Gives a stored view another name."""
        self._keep(self._client.send(pb.UpdateDataViewRequest(view=self.id, name=name)).view)

    def move(self, project: str) -> None:
        """Moves a stored view into another project; needs the role admin in both."""
        self._keep(self._client.send(pb.UpdateDataViewRequest(view=self.id, project=project)).view)

    def delete(self, *, force: bool = False) -> None:
        """Deletes the stored view for good; what was built here stays as a local one.

        Raises:
            InUse: it is published, and `force` was not given; or an experiment names it.
        """
        self._client.send(pb.DeleteDataViewRequest(view=self.id, force=force))
        self._stored = None

    # --- in an experiment

    def before_use(self, name_it: Callable[[], None]) -> None:
        """Sets what names the view in an experiment: called at its first use, and again after each change."""
        self._before_use, self._settled = name_it, False

    def settle(self) -> None:
        """Names the view in its experiment, if that waits for the first use."""
        if self._before_use is None or self._settled:
            return
        self._settled = True
        try:
            self._before_use()
        except BaseException:
            self._settled = False
            raise

    def become(self, other: StoredView) -> None:
        """Takes over another view, as the service keeps it."""
        if other._stored is not None:
            self._keep(other._stored)
        self._given = other._given

    def stand_for(self, other: StoredView) -> None:
        """Takes over another view for good: later changes by the code are ignored."""
        self.become(other)
        self._replaced = True

    # --- what it is

    @property
    def id(self) -> str:
        """The id at the service; empty for a local view."""
        return self._stored.id if self._stored is not None else ""

    @property
    def name(self) -> str:
        return self._stored.name if self._stored is not None else str(self._spec.get("name", ""))

    @property
    def status(self) -> str:
        """local, draft or published."""
        return "local" if self._stored is None else "published" if self.published else "draft"

    @property
    def published(self) -> bool:
        """Whether it is frozen, with its selection and digest."""
        return self._stored is not None and self._stored.state == pb.VIEW_STATE_PUBLISHED

    @property
    def digest(self) -> str:
        """The selection digest; empty for a draft."""
        return self._stored.digest if self._stored is not None else ""

    @property
    def reference(self) -> str:
        """`name@sha256:…`: this view and no other, for run configurations."""
        return f"{self.name}@{self.digest}" if self.digest else self.name

    @property
    def sites(self) -> tuple[SiteSelection, ...]:
        """What a published view selects at each site: count and digest."""
        listed = () if self._stored is None else self._stored.sites
        return tuple(SiteSelection(each.site, each.count, each.digest) for each in listed)

    @property
    def site_counts(self) -> dict[str, int]:
        """Site -> how many frames a published view selects there; empty for a draft."""
        return {each.site: each.count for each in self.sites}

    @property
    def _target(self) -> pb.ViewOrSpec:
        self.settle()
        if self.published:
            return pb.ViewOrSpec(view=self.id)
        return pb.ViewOrSpec(spec=self._text)

    @property
    def _client(self) -> MetadataClient:
        return current(self._given)

    def _change(self, **parts: Any) -> None:
        if self._replaced:
            return
        if self.published:
            raise ViewPublished(
                f"view `{self.name}` is published and frozen; clone it (`command view clone`) and change the clone"
            )
        super()._change(**parts)
        self._settled = False

    def _keep(self, message: pb.DataView) -> None:
        """Takes over what the service says of the view."""
        self._stored = message
        self._project = message.project
        self._spec = orjson.loads(message.spec_json)
