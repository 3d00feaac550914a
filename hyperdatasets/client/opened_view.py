"""A published view that is opened for reading with its content: iterated, as arrays, as a PyTorch data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.client.clips import Delivered
from hyperdatasets.client.delivery_counts import DeliveryCounts
from hyperdatasets.client.examples import MODES, TARGETS, Shapes, Target, first_label, multi_hot, picture
from hyperdatasets.client.frame_supply import FrameSupply, Reader
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig
from hyperdatasets.core.escapes import on_one_line
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.formats.media.pixels import Mode

if TYPE_CHECKING:
    from hyperdatasets.torch import FrameDataset, FrameStream


class DatasetOptions(TypedDict, total=False):
    """Arguments of `OpenedView.dataset`."""

    image: Mode
    transform: Callable[[Any], Any] | None
    target: Callable[[Any], Any] | Target
    target_transform: Callable[[Any], Any] | None
    columns: Sequence[str] | None
    frames: bool
    iterable: bool
    batch_size: int
    source: str
    epoch: int | None


class OpenedView:
    """An iterable of frames with their content, in the view's order; each iteration reads again, nothing is kept.

    A view of clips gives lists of frames; `decode`, `target` and `transform` then get such lists.
    """

    def __init__(self, opening: Callable[[], Sequence[Reader]], shown: str = "") -> None:
        """`opening`: opens the view at each of its sites, in order; called when it is first needed.

        `shown`: which view it is, for a person.
        """
        self._opening, self._shown = opening, shown
        self._opened: Sequence[Reader] | None = None

    @property
    def readers(self) -> Sequence[Reader]:
        """One reader for each site; they are opened when they are first needed."""
        if self._opened is None:
            self._opened = self._opening()
        return self._opened

    @property
    def labels(self) -> dict[str, int]:
        """Label -> number, the same at every site."""
        return {label: number for reader in self.readers for label, number in reader.labels.items()}

    def __len__(self) -> int:
        """Positions of all sites.

        Raises:
            InvalidArgument: the view repeats without end, and was not opened for one epoch.
        """
        return len(self._supply(None))

    def __bool__(self) -> bool:
        return True  # also without frames

    def __repr__(self) -> str:
        return on_one_line(f"{type(self).__name__}({self._shown})")

    def __iter__(self) -> Iterator[Delivered]:
        for reader in self.readers:
            yield from reader.stream()

    def counts(self, *, of: str = "frames") -> dict[str, int]:
        """Label -> how many frames (or annotations) carry it, in the order of the labels' numbers; reads no bytes.

        Of a view that repeats without end one epoch is counted.

        Args:
            of: `frames` or `annotations`.
        """
        if of not in {"frames", "annotations"}:
            raise InvalidArgument(f"of: expected frames or annotations, got {of!r:.60}")
        found = Counter(dict.fromkeys(self.labels, 0))
        for frame in self._frames_of_one_epoch():
            carried = [set(each["labels"]) for each in frame.annotations]
            for labels in carried if of == "annotations" else [set[str]().union(*carried)]:
                found.update(labels)
        return dict(found)

    def numpy(
        self,
        decode: Callable[[Any], Any] | Mode | None = None,
        target: Callable[[Any], Any] | Target = "label",
        *,
        source: str = "",
        epoch: int | None = None,
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """All frames as two arrays: X of shape (n, …) and y of shape (n, …).

        Args:
            decode: what a frame is in X: a function of the frame; or `RGB`, `L`, or `raw` (the stored depth and
                bands). Default: its picture as shown, as uint8, height x width (x 3), of a clip frames x height x
                width (x 3).
            target: what it is in y: `label` (the number of its first label, -1 without one), `multi_hot` (1 for each
                label that it carries), or a function of the frame.
            source: of groups, the source that is read; empty = the first one.
            epoch: of a view that repeats, the epoch to read.

        Raises:
            InvalidArgument: frames have arrays of different shapes; names the frames. Or the view repeats without end,
                and no epoch is given.
        """
        if target == "detection":
            raise InvalidArgument("target: boxes make no array; give a function of the frame, or take `dataset()`")
        made, of = self._input(decode, source), self._numpy_target(target, source)
        supply = self._supply(epoch)
        len(supply)  # a view without end is refused
        shapes, pairs = Shapes(), []
        for _, delivered, _ in supply.stream():
            pairs.append((shapes.checked(made(delivered), delivered), of(delivered)))
        return np.array([x for x, _ in pairs]), np.array([y for _, y in pairs])

    def dataset(
        self,
        *,
        image: Mode = "default",
        transform: Callable[[Any], Any] | None = None,
        target: Callable[[Any], Any] | Target = "label",
        target_transform: Callable[[Any], Any] | None = None,
        columns: Sequence[str] | None = None,
        frames: bool = False,
        iterable: bool = False,
        batch_size: int = 32,
        source: str = "",
        epoch: int | None = None,
    ) -> FrameDataset | FrameStream:
        """A PyTorch data set of (image, target) pairs, read from the sites while the loader asks for them.

        Args:
            image: how pictures are decoded: `default` (RGB, or grey for grey pictures), `RGB`, `L`, or `raw` (the
                stored depth and bands).
            transform: what is made of a picture. It gets an image of Pillow (of `raw` an array), of a clip a list of
                them. Default: a tensor of uint8, (bands, height, width).
            target: `label`: the number of the first label, -1 without one. `multi_hot`: a tensor with 1.0 for each
                label that the frame carries, in the order of their numbers. `detection`: boxes, labels and masks as
                torchvision's detection models take them. Or a function of the frame.
            target_transform: what is made of the target.
            columns: two names: give dictionaries of the image and the target under them.
            frames: give the frames themselves, or what `transform` makes of them.
            iterable: read in the view's order, with exact resumption, instead of by index.
            batch_size: of an iterable data set the loader's batch size, so that workers deliver whole batches.
            source: of groups, the source that is read; empty = the first one.
            epoch: of a view that repeats, the epoch to read; `set_epoch` changes it.

        Returns:
            A data set by index (`len`, `ds[i]`, `set_epoch`; for shuffling loaders, `Subset`, `random_split`), or an
            iterable one. `delivered`, `mismatched` and `withdrawn` tell what came and what did not, in all workers.

        Raises:
            InvalidConfig: PyTorch is not installed.
            InvalidArgument: names an argument and what was expected.
        """
        examples, torch = _torch_modules()
        _check("image", image, MODES)
        if not callable(target):
            _check("target", target, TARGETS)
        if batch_size < 1:
            raise InvalidArgument(f"batch_size: expected a number above 0, got {batch_size}")
        make = examples.TorchExamples(
            image=image, transform=transform, target=target, target_transform=target_transform,
            columns=columns, frames=frames, source=source, labels=self.labels,
        )  # fmt: skip
        supply = self._supply(epoch)
        if iterable:
            stream: FrameStream = torch.FrameStream(supply, make, block=batch_size)
            return stream
        by_index: FrameDataset = torch.FrameDataset(supply, make)
        return by_index

    def torch(
        self, transform: Callable[[Any], Any] | None = None, *, map_style: bool = False, block: int = 32
    ) -> FrameDataset | FrameStream:
        """A PyTorch data set of what `transform` makes of a frame; default: pairs, as `dataset` gives them.

        `block`: of an iterable one the loader's batch size.
        """
        return self.dataset(transform=transform, frames=transform is not None, iterable=not map_style, batch_size=block)

    def close(self) -> None:
        """Ends the sessions at the nodes, which then report what they served."""
        for reader in self._opened or ():
            reader.close()
        self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _frames_of_one_epoch(self) -> Iterator[AnyFrame]:
        """The frames, those of clips one by one, without their bytes."""
        for reader in self.readers:
            for delivered in reader.stream(limit=len(reader.epoch(0)), metadata_only=True):
                yield from delivered if isinstance(delivered, list) else [delivered]

    def _supply(self, epoch: int | None) -> FrameSupply:
        supply = FrameSupply(self.readers, DeliveryCounts())
        if epoch is not None:
            supply.set_epoch(epoch)
        return supply

    def _input(self, decode: Callable[[Any], Any] | Mode | None, source: str) -> Callable[[Delivered], Any]:
        if callable(decode):
            return decode
        mode = decode or "default"
        _check("decode", mode, MODES)
        return lambda delivered: picture(delivered, mode=mode, source=source)

    def _numpy_target(self, target: Callable[[Any], Any] | Target, source: str) -> Callable[[Delivered], Any]:
        if callable(target):
            return target
        _check("target", target, TARGETS)
        labels: Mapping[str, int] = self.labels
        if target == "multi_hot":
            return lambda delivered: multi_hot(delivered, labels, source=source)
        return lambda delivered: first_label(delivered, source=source)


def _check(name: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        close = did_you_mean(nearest(str(given), known))
        raise InvalidArgument(f"{name}: expected {', '.join(known)}, got {given!r:.60}.{close}")


def _torch_modules() -> tuple[ModuleType, ModuleType]:
    try:
        from hyperdatasets import torch  # noqa: PLC0415  # an extra: loaded when it is asked for
        from hyperdatasets.client import torch_examples  # noqa: PLC0415
    except ImportError:
        raise InvalidConfig("PyTorch is not installed: pip install 'hyperdatasets[torch]'") from None
    return torch_examples, torch
