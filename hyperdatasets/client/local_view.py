"""Data views as they are built: a specification and its rules, before it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
import yaml

from hyperdatasets.client import arguments, project_paths
from hyperdatasets.client.arguments import Texts
from hyperdatasets.client.label_query import LabelQuery, label_queries
from hyperdatasets.core.dataview import FromZero
from hyperdatasets.core.dataview_text import from_plain, from_yaml, to_plain
from hyperdatasets.core.errors import InvalidArgument, InvalidQuery, InvalidView, NotFound
from hyperdatasets.core.names import did_you_mean, nearest


class IterationOrder(StrEnum):
    """The order of a site's frames; sequential: by context, time, dataset and id; random: permuted by the seed."""

    sequential = "sequential"
    random = "random"


def order_value(order: IterationOrder | str) -> str:
    """The order's name; raises InvalidView for what is none."""
    if order not in (known := [each.value for each in IterationOrder]):
        close = did_you_mean(nearest(str(order), known))
        raise InvalidView(f"iteration_order: expected {' or '.join(known)}, got {order!r:.60}.{close}")
    return str(order)


class LocalView:
    """A view as a specification that is built; `StoredView` keeps it at the service, `DataView` reads it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = arguments.plain(spec)

    @property
    def spec(self) -> dict[str, Any]:
        """The specification in its plain form."""
        return dict(self._spec)

    def to_yaml(self) -> str:
        """The specification as YAML, which `from_yaml` reads again."""
        return yaml.safe_dump(to_plain(from_plain(self._spec)), sort_keys=False, allow_unicode=True)

    def add_query(
        self,
        dataset_name: str = "*",
        version_name: str = "*",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        version_id: str = "",
        roi_query: Texts = "",
        frame_query: str = "",
        source_query: str = "",
        weight: float = 1.0,
    ) -> None:
        """Adds a rule; several labels in `roi_query` must all lie on one ROI, `*` asks for any ROI."""
        text = arguments.roi_query(roi_query)
        self.add_rule(
            **_version(dataset_id or dataset_name, dataset_project, version_id or version_name),
            frame_query=frame_query, source_query=source_query,
            roi_rules=[{"query": text}] if text else [], weight=weight,
        )  # fmt: skip

    def add_multi_query(
        self,
        dataset_name: str = "*",
        version_name: str = "*",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        version_id: str = "",
        roi_queries: LabelQuery | Iterable[LabelQuery] = (),
        frame_query: str = "",
        weight: float = 1.0,
    ) -> None:
        """Adds a rule in which every ROI query must hold, each judged on its own."""
        self.add_rule(
            **_version(dataset_id or dataset_name, dataset_project, version_id or version_name),
            frame_query=frame_query, roi_rules=label_queries(roi_queries), weight=weight,
        )  # fmt: skip

    def add_rule(self, **rule: Any) -> None:
        """Adds a rule with the names of the YAML form."""
        kept = {key: value for key, value in arguments.plain(rule).items() if value not in ("", [], None)}
        self._change(rules=[*self._spec["rules"], kept])

    def add_version(self, dataset_name: str, version_name: str, *, dataset_project: str = "") -> None:
        """Lists a version that `*` in rules means."""
        self._change(versions=[*self._spec.get("versions", []), _version(dataset_name, dataset_project, version_name)])

    def add_mapping_rule(
        self,
        dataset_name: str = "*",
        version_name: str = "*",
        *,
        dataset_project: str = "",
        dataset_id: str = "",
        version_id: str = "",
        from_labels: Texts,
        to_label: str | None,
    ) -> None:
        """Adds a rule that shows `to_label` on ROIs that carry all of `from_labels` (`*`: any), in place of these.

        Rules are tried in order on the original labels; None hides them.
        """
        named = _version(dataset_id or dataset_name, dataset_project, version_id or version_name)
        labels = from_labels if isinstance(from_labels, str) else arguments.texts(from_labels, "from_labels")
        rule = {**named, "from": labels, "to": to_label}
        self._change(mapping=[*self._spec.get("mapping", []), rule])

    def set_labels(self, labels: Mapping[str, int] | FromZero) -> None:
        """Sets the numbers of labels, by their name after mapping; a label that is not listed has the number -1.

        `from_zero`: all labels that the view selects are numbered from 0 when it is published, instead of from 1.

        Raises:
            InvalidView: they are neither.
        """
        if not isinstance(labels, str | Mapping):
            given = type(labels).__name__
            raise InvalidView(f"labels: expected an object of labels and their numbers, or `from_zero`, got {given}")
        self._change(labels=labels if isinstance(labels, str) else dict(labels))

    def set_iteration_parameters(
        self,
        *,
        order: IterationOrder | str | None = None,
        infinite: bool | None = None,
        maximum_number_of_frames: int | None = None,
        limit: int | str | None = None,
        random_seed: int | None = None,
        clip_length: int | None = None,
    ) -> None:
        """Changes how the view is read; arguments that are not given change nothing.

        Args:
            clip_length: a position delivers a list of up to so many consecutive frames of one context.
        """
        given = {"order": order and order_value(order), "repeat": infinite,
                 "limit": maximum_number_of_frames if limit is None else limit, "seed": random_seed,
                 "clip": None if clip_length is None else {"frames": clip_length}}  # fmt: skip
        iteration = self._spec.get("iteration", {}) | {key: value for key, value in given.items() if value is not None}
        self._change(iteration=iteration)

    def set(self, **spec: Any) -> None:
        """Sets parts of the specification by the names of the YAML form."""
        self._change(**spec)

    def get_queries(self) -> list[dict[str, Any]]:
        """The rules, with the names of the YAML form."""
        return [dict(rule) for rule in self._spec["rules"]]

    def set_queries(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Replaces all rules."""
        self._change(rules=rules_of(rules))

    def load_yaml(self, text: str | Path) -> None:
        """Replaces the specification by that of a YAML text or file; see `from_yaml`."""
        spec = view_of_yaml(text)
        gone = dict.fromkeys(self._spec.keys() - {"name", "description", "tags"})
        self._change(**gone | {name: value for name, value in spec.items() if name != "name"})
        self._spec = {name: value for name, value in self._spec.items() if value is not None}

    @property
    def _text(self) -> str:
        """The specification as JSON text, checked."""
        return orjson.dumps(to_plain(from_plain(self._spec))).decode()

    @property
    def _clips(self) -> bool:
        """Whether a position delivers several frames."""
        clip = self._spec.get("iteration", {}).get("clip") or {}
        return clip.get("frames") is not None or clip.get("length_ms") is not None

    def _change(self, **parts: Any) -> None:
        self._spec = {**self._spec, **arguments.plain(parts)}


def _version(dataset: str, project: str, version: str) -> dict[str, str]:
    named = dataset if dataset == "*" else project_paths.address(dataset, project)
    return {"dataset": named, "version": version}


def rules_of(given: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rules in their plain form; raises InvalidView: something is none."""
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise InvalidView(f"rules: expected a list of rules, got {given!r:.60}")
    listed = list(given)
    for rule in listed:
        if not isinstance(rule, Mapping):
            raise InvalidView(f"rules: expected names with values for each rule, got {rule!r:.60}")
    return [dict(rule) for rule in listed]


def view_of_yaml(given: str | Path) -> dict[str, Any]:
    """The plain form of the YAML text that was given, or of a file (a `Path`, or a name with `.yaml` or `.yml`).

    Raises:
        InvalidView, InvalidQuery: what is wrong, and where; behind the name of the file.
        NotFound: there is no such file.
    """
    if isinstance(given, str) and ("\n" in given or not given.endswith((".yaml", ".yml"))):
        return to_plain(from_yaml(given))
    try:
        return to_plain(from_yaml(_read(given)))
    except (InvalidView, InvalidQuery) as error:
        raise type(error)(f"{given}: {error.message}", **error.fields) from None


def _read(given: str | Path) -> str:
    try:
        return Path(given).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {given}", kind="file", name=str(given)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{given}: cannot be read: {error}") from None
