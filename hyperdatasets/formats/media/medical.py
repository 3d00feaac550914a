"""The facts of DICOM files and NIfTI volumes: rows, columns, slices, spacing, modality. Needs the extra `medical`."""

from __future__ import annotations

import io
import math
import struct
from typing import TYPE_CHECKING, Any, BinaryIO

from hyperdatasets.formats.media import gzipped
from hyperdatasets.formats.media.model import Media, UnreadableMedia, check_pixels
from hyperdatasets.formats.media.quiet import Quiet

if TYPE_CHECKING:
    from pydicom import Dataset

NEEDED = "its size is unknown here: install what reads it with `pip install 'hyperdatasets[medical]'`"
DEFLATED = "a deflated DICOM file is not read, because it may expand without limit; store it uncompressed"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_HEADER = 1024  # bytes of a volume that hold the header
_TAGS = [
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "SamplesPerPixel",
    "BitsAllocated",
    "PhotometricInterpretation",
]
_UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}  # transfer syntaxes
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_UNDEFINED, _END_OF_ITEMS, _MAX_ITEMS = 0xFFFFFFFF, 0xE0DD, 1_000_000
_SHORT = "it has fewer bytes than its pixels need: it is cut, or they are not in it"


def is_deflated(head: bytes) -> bool:
    """Whether the file meta information names the deflated transfer syntax."""
    return _DEFLATED.encode() in head[132:4096]


def dicom(file: BinaryIO, size_bytes: int) -> Media:
    """Describe a DICOM file by its header; without pydicom only its content type.

    Raises:
        UnreadableMedia: its header is damaged, or it claims more than `MAX_PIXELS`.
    """
    if is_deflated(file.read(4096)):
        return Media("application/dicom", size_bytes, notes=(DEFLATED,))
    file.seek(0)
    try:
        import pydicom  # noqa: PLC0415  # an extra: loaded when it is asked for
    except ImportError:
        return Media("application/dicom", size_bytes, notes=(NEEDED,))
    try:
        with Quiet():
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_TAGS))
            return _dicom_media(header, size_bytes, is_short=_is_short(file, header, size_bytes))
    except (UnreadableMedia, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # pydicom reports damage by errors of every kind
        raise UnreadableMedia(f"the DICOM file cannot be read: {error}") from None


def _dicom_media(header: Dataset, size_bytes: int, *, is_short: bool) -> Media:
    rows, columns = int(header.get("Rows") or 0), int(header.get("Columns") or 0)
    facts: dict[str, Any] = {"modality": str(header.get("Modality") or "") or None}
    if not (rows and columns):  # a report or a plan has no pixels
        return Media("application/dicom", size_bytes, site_only=_known(facts))
    check_pixels(columns, rows)
    facts |= {"rows": rows, "columns": columns, "slices": int(header.get("NumberOfFrames") or 1)}
    facts["spacing"] = _dicom_spacing(header)
    notes = (_SHORT,) if is_short else ()
    return Media("application/dicom", size_bytes, columns, rows, site_only=_known(facts), notes=notes)


def _is_short(file: BinaryIO, header: Dataset, size_bytes: int) -> bool:
    """Whether the pixels end behind the file, which stands where their element begins."""
    at = file.tell()
    file.seek(at)
    head = file.read(12)
    if len(head) < 12:
        return _needed(header) > max(0, size_bytes - at - 8)
    order = ">" if _syntax(header) == _BIG_ENDIAN else "<"
    length: int = struct.unpack_from(f"{order}I", head, 8 if head[4:6].isalpha() else 4)[0]
    start = at + (12 if head[4:6].isalpha() else 8)
    if length == _UNDEFINED:
        return _items_end(file, start, size_bytes) > size_bytes
    return start + max(length, _needed(header)) > size_bytes


def _items_end(file: BinaryIO, at: int, size_bytes: int) -> int:
    """Return where the items of compressed pixels end; behind the file if the mark of their end is missing."""
    for _ in range(_MAX_ITEMS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return size_bytes + 1
        element, length = struct.unpack_from("<2xHI", head)
        if element == _END_OF_ITEMS:
            return at + 8
        at += 8 + length
    return at


def _syntax(header: Dataset) -> str:
    return str(getattr(getattr(header, "file_meta", None), "TransferSyntaxUID", ""))


def _needed(header: Dataset) -> int:
    """Return the bytes of the pixels; 0 where they are compressed."""
    if _syntax(header) not in _UNCOMPRESSED or "422" in str(header.get("PhotometricInterpretation") or ""):
        return 0
    sizes = (header.get(name) or 1 for name in ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"))
    return math.prod(map(int, sizes)) * int(header.get("BitsAllocated") or 1) // 8


def _dicom_spacing(header: Dataset) -> list[float] | None:
    """Return the millimetres between rows, columns and, where it is given, slices."""
    within = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
    if not within:
        return None
    between = header.get("SpacingBetweenSlices") or header.get("SliceThickness")
    return [float(value) for value in (*within, *([between] if between else []))]


def nifti(file: BinaryIO, size_bytes: int) -> Media:
    """Describe a NIfTI volume by its header; of a compressed one only the first bytes are unpacked.

    Raises:
        UnreadableMedia: its header is damaged, or it is cut; that a compressed volume is cut is not seen.
    """
    content_type = "application/x-nifti"
    try:
        head = file.read(_HEADER * 4)
        header = nifti_header(head)
        facts = nifti_facts(header)
    except ImportError:
        return Media(content_type, size_bytes, notes=(NEEDED,))
    if not gzipped.is_gzip(head) and _volume_end(header) > size_bytes:
        raise UnreadableMedia("the volume is cut: it is shorter than it says")
    return Media(content_type, size_bytes, site_only=facts)


def nifti_header(head: bytes) -> Any:
    """Parse the header (of nibabel, untyped) that is in the first bytes of a volume, compressed or not.

    Raises:
        ImportError: nibabel is not installed.
        UnreadableMedia: the header is damaged.
    """
    from nibabel.nifti1 import Nifti1Header  # noqa: PLC0415  # an extra: loaded when it is asked for
    from nibabel.nifti2 import Nifti2Header  # noqa: PLC0415  # an extra: loaded when it is asked for

    plain = gzipped.beginning(head, _HEADER) if gzipped.is_gzip(head) else head
    kind: Any = Nifti2Header if plain[4:7] == b"n+2" else Nifti1Header
    try:
        with Quiet():
            header = kind.from_fileobj(io.BytesIO(plain), check=False)  # a check would log
            header.get_data_dtype()  # fails for a damaged header
            return header
    except Exception as error:  # noqa: BLE001  # nibabel reports damage by errors of every kind
        raise UnreadableMedia(f"the volume cannot be read: {error}") from None


def _volume_end(header: Any) -> int:
    """Return where the values of a volume end, which is the end of the file."""
    values = math.prod(int(size) for size in header.get_data_shape())
    return int(header.get_data_offset()) + values * int(header.get_data_dtype().itemsize)


def nifti_facts(header: Any) -> dict[str, Any]:
    """Return rows, columns, slices, volumes and the spacing in millimetres (rows, columns, slices)."""
    shape = [int(size) for size in header.get_data_shape()]
    if not shape or min(shape) < 1:
        raise UnreadableMedia("the volume cannot be read: it has no size")
    columns, rows, slices, volumes = (*shape, 1, 1, 1, 1)[:4]
    steps = [round(float(step), 6) for step in header.get_zooms()[:3]]
    spacing = [steps[1], steps[0], *steps[2:]] if len(steps) >= 2 else None
    facts = {"rows": rows, "columns": columns, "slices": slices, "spacing": spacing}
    return _known(facts | {"volumes": volumes if volumes > 1 else None})


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
