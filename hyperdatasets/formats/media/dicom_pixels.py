"""The pixels of a DICOM file: stored values, or shown by its modality table and its first window.

Rules after DICOM PS3.3, C.11.1 (modality) and C.11.2 (window). Needs the extra `medical`.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.formats.media.medical import DEFLATED, is_deflated
from hyperdatasets.formats.media.model import UnreadableMedia, check_pixels
from hyperdatasets.formats.media.quiet import Quiet

if TYPE_CHECKING:
    from pydicom import Dataset

_NEEDED = "a DICOM file needs pydicom: `pip install 'hyperdatasets[medical]'`"
MIDDLE = -1


def shown(content: bytes, *, frame: int) -> NDArray[np.uint8]:
    """Return one frame with 8 bits: (rows, columns) or (rows, columns, 3); frame -1 is the one in the middle.

    Raises:
        UnreadableMedia: pydicom is not installed, or the file cannot be decoded.
    """
    with Quiet():
        header, pixels = _read(content, frame)
        try:
            kind = str(header.get("PhotometricInterpretation") or "")
            if not kind.startswith("MONOCHROME"):
                return _colour(header, pixels, kind)
            grey = _grey_by_table(header, pixels)
            return 255 - grey if kind == "MONOCHROME1" else grey
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001  # pydicom reports damage by errors of every kind
            raise UnreadableMedia(f"the DICOM file cannot be shown: {error}") from None


def stored(content: bytes, *, frame: int) -> NDArray[Any]:
    """Return the stored values of one frame, before the modality table.

    Raises:
        UnreadableMedia: pydicom is not installed, or the file cannot be decoded.
    """
    with Quiet():
        return np.array(_read(content, frame)[1])


def _read(content: bytes, frame: int) -> tuple[Dataset, NDArray[Any]]:
    if is_deflated(content[:4096]):
        raise UnreadableMedia(DEFLATED)
    try:
        import pydicom  # noqa: PLC0415  # an extra: loaded when it is asked for
        from pydicom.pixels.utils import pixel_array  # noqa: PLC0415  # an extra: loaded when it is asked for
    except ImportError:
        raise UnreadableMedia(_NEEDED) from None
    try:
        header = pydicom.dcmread(io.BytesIO(content))
        check_pixels(int(header.get("Columns") or 0), int(header.get("Rows") or 0))
        count = int(header.get("NumberOfFrames") or 1)
        return header, pixel_array(header, index=count // 2 if frame == MIDDLE else frame)
    except (UnreadableMedia, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # pydicom reports damage by errors of every kind
        raise UnreadableMedia(f"the DICOM file cannot be decoded: {_first_line(error)}") from None


def _grey_by_table(header: Dataset, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Show every value that 8 or 16 bits can hold once, and look the pixels up: far less memory than floats."""
    if pixels.dtype.kind not in "ui" or pixels.dtype.itemsize > 2:
        return _grey(header, pixels)
    limits = np.iinfo(pixels.dtype)
    table = _grey(header, np.arange(limits.min, limits.max + 1).astype(pixels.dtype))
    unsigned = np.dtype(f"u{pixels.dtype.itemsize}")
    places = np.ascontiguousarray(pixels).astype(pixels.dtype.newbyteorder("=")).view(unsigned)
    shown: NDArray[np.uint8] = np.roll(table, limits.min)[places]
    return shown


def _grey(header: Dataset, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Apply the modality table and the window; without a window, the range that the stored bits can hold."""
    from pydicom.pixels.processing import (  # noqa: PLC0415  # an extra: loaded when it is asked for
        apply_modality_lut,
        apply_windowing,
    )

    values = apply_modality_lut(pixels, header)
    low, high = _range(header)
    if "WindowCenter" in header and "WindowWidth" in header:
        values = apply_windowing(values, header)
    else:
        low, high = min(low, high), max(low, high)
    scaled = (values.astype(np.float64) - low) * (255 / ((high - low) or 1))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _range(header: Dataset) -> tuple[float, float]:
    """Return the values of the smallest and the largest number that the stored bits can hold, after the rescale."""
    if header.get("ModalityLUTSequence"):
        return 0.0, float(2 ** int(header.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)
    bits, signed = int(header.BitsStored), int(header.PixelRepresentation)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if slope is None or intercept is None:
        return float(low), float(high)
    return low * float(slope) + float(intercept), high * float(slope) + float(intercept)


def _colour(header: Dataset, pixels: NDArray[Any], kind: str) -> NDArray[np.uint8]:
    """Return RGB; pydicom has turned YBR into RGB before."""
    from pydicom.pixels.processing import apply_color_lut  # noqa: PLC0415  # an extra: loaded when it is asked for

    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, header)
    return (pixels >> 8 if pixels.dtype.itemsize > 1 else pixels).astype(np.uint8)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
