"""The data of a site inside of a Flower ClientApp: `site_view(context, "train")`.

The node's address and certificates come from `node_config` (`node-address`, `node-ca`, `node-cert`, `node-key`), the
view from `run_config` (`view-train = "name@sha256:…"`, `experiment`, `purpose`). So the data of a run is changed by
changing its configuration, never its code.
"""

from __future__ import annotations

import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.client.node import Sample, Session, open_session
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig, SourceUnreadable
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.formats.media import UnreadableMedia, pixels
from hyperdatasets.formats.media.pixels import Mode

if TYPE_CHECKING:
    from hyperdatasets.torch import SiteDataset

_NODE_KEYS = ("address", "ca", "cert", "key")


class ClientContext(Protocol):
    """What is used of `flwr.app.Context`."""

    node_config: Any
    run_config: Any


def site_view(context: ClientContext, name: str, *, epoch: int | None = None) -> SiteView:
    """The frames of this site that the run's data view `name` selects.

    Args:
        context: of the ClientApp.
        name: as in the run's configuration: `view-<name>`.
        epoch: read exactly this epoch of a repeating view, such as `server_round - 1`.

    Raises:
        InvalidConfig: the run or the node configuration lacks something.
        Refused: the site's policy does not allow it; its operator sees why.
    """
    run = context.run_config
    reference = run.get(f"view-{name}")
    if not reference:
        there = [key.removeprefix("view-") for key in run if key.startswith("view-") and run[key]]
        close = did_you_mean(nearest(name, there)) or f" It names: {', '.join(there) or 'none'}."
        raise InvalidConfig(f"the run configuration names no data view `{name}` (key `view-{name}`).{close}")
    settings = {
        "view": str(reference), "experiment": str(run.get("experiment", "")), "purpose": str(run.get("purpose", "")),
    }  # fmt: skip
    return SiteView(_node(context), settings, epoch)


class SiteView:
    """An iterable of samples, in the view's order; each iteration reads from the node again, nothing is kept.

    Of a view of clips it gives lists of samples, and so do `decode`, `target` and `transform` get them.
    """

    def __init__(self, node: Mapping[str, str], settings: Mapping[str, str], epoch: int | None) -> None:
        self.node, self.settings, self.epoch = node, settings, epoch
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """Opened when it is first needed."""
        if self._session is None:
            self._session = open_session(self.node, self.settings, self.epoch)
            if self._session.without_site:
                warnings.warn(
                    f"{self._session.without_site} frames of `{self.settings['view']}` have no site, so they are left "
                    "out here; `DataView.open` reads them by their URIs",
                    stacklevel=2,
                )
        return self._session

    @property
    def labels(self) -> dict[str, int]:
        """Label -> number, the same at every site."""
        return self.session.labels

    @property
    def digest(self) -> str:
        """Selection digest of this site."""
        return self.session.digest

    def __len__(self) -> int:
        return len(self.session)

    def __iter__(self) -> Iterator[Any]:
        return self.session.stream()

    def numpy(
        self, decode: Callable[[Any], Any] | Mode | None = None, target: Callable[[Any], Any] | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """All samples as two arrays: X of shape (n, …) and y of shape (n, …).

        Args:
            decode: what a sample is in X: a function of the sample; or `RGB`, `L`, or `raw` (the stored depth and
                bands). Default: its picture as shown, as uint8, height x width (x 3), of a clip frames x height x
                width (x 3).
            target: what it is in y; default: the number of its first label, -1 without one.

        Raises:
            InvalidArgument: samples have arrays of different shapes; names the frames.
        """
        made = decode if callable(decode) else partial(pictures, mode=decode or "default")
        shapes: dict[tuple[int, ...], str] = {}
        pairs = []
        for sample in self:
            x = made(sample)
            _check_shape(shapes, x, sample)
            pairs.append((x, (target or first_label)(sample)))
        return np.array([x for x, _ in pairs]), np.array([y for _, y in pairs])

    def torch(self, transform: Callable[[Any], Any] | None = None, *, block: int = 32) -> SiteDataset:
        """An IterableDataset; works with DataLoader workers (`block` = the loader's batch size).

        Raises:
            InvalidConfig: PyTorch is not installed.
        """
        try:
            from hyperdatasets.torch import SiteDataset  # noqa: PLC0415  # an extra: loaded when it is asked for
        except ImportError:
            raise InvalidConfig("PyTorch is not installed: pip install 'hyperdatasets[torch]'") from None
        return SiteDataset(self.node, self.settings, self.epoch, transform or PictureAndLabel(), block)

    def close(self) -> None:
        """Ends the session; the node then reports what it served."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def picture(sample: Sample, *, mode: Mode = "default") -> NDArray[Any]:
    """The first source as a picture, decoded by the rules of `formats.media.pixels`.

    Args:
        mode: `default` (RGB, or grey for grey pictures, as uint8), `RGB`, `L`, or `raw`.

    Raises:
        SourceUnreadable: it is none, or cannot be decoded; names the frame.
    """
    source = sample.source()
    try:
        return pixels.decode(source.bytes, mode=mode)
    except UnreadableMedia as error:
        raise SourceUnreadable(
            f"frame {sample.id} ({source.content_type or 'unknown type'}): {error}. Select by `sources.content_type` "
            "in the view, or say how it is decoded"
        ) from None


def pictures(sample: Sample | Sequence[Sample], *, mode: Mode = "default") -> NDArray[Any]:
    """The picture of a sample; those of a clip one upon the other, which must be of one size."""
    if isinstance(sample, Sample):
        return picture(sample, mode=mode)
    shapes: dict[tuple[int, ...], str] = {}
    made = []
    for each in sample:
        made.append(picture(each, mode=mode))
        _check_shape(shapes, made[-1], each)
    return np.stack(made)


def _check_shape(shapes: dict[tuple[int, ...], str], made: Any, sample: Sample | Sequence[Sample]) -> None:
    """Names the frame whose array does not fit to the ones before; `shapes` holds the first frame of each shape."""
    name = sample.id if isinstance(sample, Sample) else sample[0].id
    shapes.setdefault(np.shape(made), name)
    if len(shapes) > 1:
        (one, first), (other, second) = list(shapes.items())[:2]
        raise InvalidArgument(
            f"frame {second} has the shape {other}, frame {first} has {one}: they make no array. Select frames of one "
            "size in the view, or give a `decode` that makes them equal"
        )


def first_label(sample: Sample | Sequence[Sample]) -> int:
    frames = [sample] if isinstance(sample, Sample) else sample
    return next((ids[0] for frame in frames for ids in frame.label_ids if ids), -1)


class PictureAndLabel:
    """The default transform for PyTorch: picture, and number of the first label.

    A batch needs pictures of one shape. PyTorch's own error does not name the frame that breaks a batch, so a warning
    names the first one that differs.
    """

    def __init__(self) -> None:
        self._first: tuple[str, tuple[int, ...]] | None = None

    def __call__(self, sample: Sample | Sequence[Sample]) -> tuple[NDArray[Any], int]:
        made = pictures(sample)
        name = sample.id if isinstance(sample, Sample) else sample[0].id
        if self._first is None:
            self._first = name, made.shape
        elif self._first[1] != made.shape:
            warnings.warn(
                f"frame {name} has the shape {made.shape}, frame {self._first[0]} has {self._first[1]}: a batch cannot "
                "hold both; give a `transform` that makes them equal",
                stacklevel=2,
            )
        return made, first_label(sample)


def _node(context: ClientContext) -> dict[str, str]:
    """Address and certificates: on the deployment engine from the node's configuration, in simulation from a file."""
    own = context.node_config
    if own.get("node-address"):
        return {key: str(own.get(f"node-{key}", "")) for key in _NODE_KEYS}
    path = context.run_config.get("nodes")
    if not path:
        raise InvalidConfig(
            "the SuperNode's configuration has no `node-address`; in simulation the run configuration needs `nodes`, "
            "a TOML file with the address of each site's node"
        )
    try:
        listed = tomllib.loads(Path(str(path)).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"nodes: {path} cannot be read: {error}") from None
    sites = sorted(listed)
    number = int(own.get("partition-id", 0))
    if number >= len(sites):
        raise InvalidConfig(f"nodes: {path} names {len(sites)} sites, this is simulated client {number}")
    return {key: str(listed[sites[number]].get(key, "")) for key in _NODE_KEYS}
