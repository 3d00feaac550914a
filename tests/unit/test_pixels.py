"""The rules by which pictures become arrays: as shown, 8 bits, never scaled by their content."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import av
import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from hyperdatasets.formats.media import UnreadableMedia, probe
from hyperdatasets.formats.media.pixels import RULES, decode, pil

RNG = np.random.default_rng(3)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = COLOUR[:, :, 0].copy()
DEEP = RNG.integers(0, 65_536, (6, 9), dtype=np.uint16)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png48(pixels: NDArray[np.uint16], *extra: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, bands = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[bands], 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)


def test_the_rules_have_a_number() -> None:
    assert RULES == 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "WEBP", "JPEG2000"])
def test_lossless_colour_comes_back_as_it_is(kind: str) -> None:
    content = encoded(Image.fromarray(COLOUR), kind, **({"lossless": True} if kind == "WEBP" else {}))
    for mode in ("default", "RGB", "raw"):
        assert np.array_equal(decode(content, mode=mode), COLOUR)
    pixels = decode(content)
    pixels[:] = 0  # writable
    assert pil(content).mode == "RGB"


def test_grey_stays_grey() -> None:
    content = encoded(Image.fromarray(GREY), "PNG")
    assert np.array_equal(decode(content), GREY)
    assert np.array_equal(decode(content, mode="RGB"), np.repeat(GREY[:, :, None], 3, axis=2))
    luma = np.asarray(Image.fromarray(COLOUR).convert("L"))
    assert np.array_equal(decode(encoded(Image.fromarray(COLOUR), "PNG"), mode="L"), luma)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bits_become_eight_by_a_shift(kind: str) -> None:
    dark = np.full((6, 9), 300, np.uint16)  # scaled by its own range it would be white
    dark[0, 0] = 0
    for pixels in (DEEP, dark):
        content = encoded(Image.fromarray(pixels), kind)
        assert np.array_equal(decode(content), (pixels >> 8).astype(np.uint8))
        assert np.array_equal(decode(content, mode="raw"), pixels)


@pytest.mark.parametrize("bands", [3, 4])
def test_sixteen_bit_colour_keeps_its_depth_when_raw(bands: int) -> None:
    pixels = RNG.integers(0, 65_536, (6, 9, bands), dtype=np.uint16)
    raw = decode(png48(pixels), mode="raw")
    assert raw.dtype == np.uint16
    assert np.array_equal(raw, pixels)
    assert np.array_equal(decode(png48(pixels)), (pixels[:, :, :3] >> 8).astype(np.uint8))


def test_sixteen_bit_colour_of_tiff_and_its_orientation() -> None:
    pixels = RNG.integers(0, 65_536, (6, 9, 3), dtype=np.uint16)
    out = io.BytesIO()
    with av.open(out, "w", format="image2pipe") as container:
        stream = container.add_stream("tiff", rate=1)
        stream.width, stream.height, stream.pix_fmt = 9, 6, "rgb48le"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb48le")))
        container.mux(stream.encode(None))
    assert np.array_equal(decode(out.getvalue(), mode="raw"), pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = png48(pixels, (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
    assert np.array_equal(decode(turned, mode="raw"), np.rot90(pixels, -1))


def test_sixteen_bit_colour_without_its_extra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    content = png48(RNG.integers(0, 65_536, (6, 9, 3), dtype=np.uint16))
    with pytest.raises(UnreadableMedia, match=r"hyperdatasets\[video\]"):
        decode(content, mode="raw")
    assert decode(content).shape == (6, 9, 3)


def test_bits_palettes_cmyk_and_transparency() -> None:
    bits = Image.fromarray(GREY > 99)
    assert np.array_equal(decode(encoded(bits, "PNG")), np.where(GREY > 99, 255, 0))
    palette = Image.fromarray(COLOUR).quantize(8)
    assert np.array_equal(decode(encoded(palette, "PNG")), np.asarray(palette.convert("RGB")))
    assert np.array_equal(decode(encoded(palette, "PNG"), mode="raw"), np.asarray(palette))
    cmyk = Image.fromarray(COLOUR).convert("CMYK")
    assert np.array_equal(decode(encoded(cmyk, "TIFF")), np.asarray(cmyk.convert("RGB")))
    assert decode(encoded(cmyk, "JPEG")).shape == (6, 9, 3)
    assert decode(encoded(cmyk, "JPEG"), mode="raw").shape == (6, 9, 4)


def test_transparency_is_dropped_and_not_blended() -> None:
    clear = np.dstack([COLOUR, np.zeros((6, 9), np.uint8)])
    assert np.array_equal(decode(encoded(Image.fromarray(clear), "PNG")), COLOUR)
    assert np.array_equal(decode(encoded(Image.fromarray(clear), "PNG"), mode="raw"), clear)
    grey = Image.fromarray(np.dstack([GREY, np.zeros_like(GREY)]))
    assert np.array_equal(decode(encoded(grey, "PNG")), GREY)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_arrays_are_pictures_as_shown(kind: str, orientation: int) -> None:
    pillow_heif.register_heif_opener()
    large = Image.fromarray(COLOUR).resize((72, 48), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = orientation
    reference = Image.open(io.BytesIO(encoded(large, "PNG", exif=exif)))
    expected = np.asarray(ImageOps.exif_transpose(reference)).astype(int)
    content = encoded(large, kind, exif=exif.tobytes(), quality=100)
    media = probe(io.BytesIO(content), "x", len(content))
    for mode in ("default", "raw"):
        pixels = decode(content, mode=mode)
        assert pixels.shape == expected.shape == (media.height, media.width, 3)
        assert np.abs(pixels - expected).mean() < 12


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (value, value, value)) for value in (250, 10, 20)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode(content).mean() > 240


def test_numbers_without_a_fixed_range_are_refused_but_for_raw() -> None:
    for pixels in (np.array([[0.5, -3.0]], np.float32), np.array([[1 << 20, -5]], np.int32)):
        content = encoded(Image.fromarray(pixels), "TIFF")
        with pytest.raises(UnreadableMedia, match='mode="raw"'):
            decode(content)
        assert np.array_equal(decode(content, mode="raw"), pixels)


def dicom(pixels: NDArray[np.generic], **fields: object) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    data.Rows, data.Columns = pixels.shape[-2:] if fields.get("SamplesPerPixel", 1) == 1 else pixels.shape[:2]
    bits = pixels.dtype.itemsize * 8
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    for name, value in fields.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_dicom_without_a_window_is_shown_by_the_range_of_its_stored_bits() -> None:
    stored = np.array([[0, 1_000], [2_048, 4_095]], np.uint16)
    content = dicom(stored, BitsStored=12, HighBit=11)
    assert decode(content).tolist() == [[0, 62], [128, 255]]
    assert np.array_equal(decode(content, mode="raw"), stored)
    signed = np.array([[-32_768, 0], [16_384, 32_767]], np.int16)
    assert decode(dicom(signed)).tolist() == [[0, 128], [191, 255]]
    rescaled = dicom(signed, RescaleSlope=2, RescaleIntercept=-1_000)
    assert decode(rescaled).tolist() == [[0, 128], [191, 255]]
    assert decode(dicom(signed, PhotometricInterpretation="MONOCHROME1")).tolist() == [[255, 127], [64, 0]]
    assert decode(content, mode="RGB").shape == (2, 2, 3)


def test_dicom_is_shown_by_its_first_window() -> None:
    stored = np.array([[0, 924], [1_024, 1_124]], np.uint16)  # -1024, -100, 0 and 100 after the rescale
    content = dicom(
        stored, BitsStored=12, HighBit=11, RescaleSlope=1, RescaleIntercept=-1_024,
        WindowCenter=[0.5, 9], WindowWidth=[201, 1],
    )  # fmt: skip
    assert decode(content).tolist() == [[0, 0], [128, 255]]


def test_dicom_in_colour_and_of_several_frames() -> None:
    colour = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    assert np.array_equal(decode(dicom(COLOUR, **colour)), COLOUR)
    frames = np.stack([GREY, 255 - GREY, GREY])
    assert np.array_equal(decode(dicom(frames, NumberOfFrames=3)), GREY)


def test_damaged_and_hostile_pictures_are_refused() -> None:
    with pytest.raises(UnreadableMedia, match="no picture"):
        decode(b"just text")
    with pytest.raises(UnreadableMedia, match="no picture but audio/wav"):
        decode(b"RIFF\0\0\0\0WAVEfmt ")
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF"):
        content = encoded(Image.fromarray(COLOUR).resize((90, 60)), kind)
        with pytest.raises(UnreadableMedia):
            decode(content[: len(content) // 2])
    huge = png48(np.zeros((1, 1, 3), np.uint16))
    for width, height in ((100_000, 100_000), (0, 5)):
        with pytest.raises(UnreadableMedia):
            decode(huge[:16] + struct.pack(">II", width, height) + huge[24:])
    with pytest.raises(UnreadableMedia, match="pixels"):
        decode(dicom(GREY, Rows=60_000, Columns=60_000))
    with pytest.raises(UnreadableMedia, match="DICOM file cannot be"):
        decode(dicom(GREY)[:-9])


def test_a_deflated_dicom_file_is_refused() -> None:
    plain, deflated = ExplicitVRLittleEndian.encode(), DeflatedExplicitVRLittleEndian.encode()
    content = dicom(GREY).replace(plain + b"\0", deflated, 1)
    with pytest.raises(UnreadableMedia, match="deflated"):
        decode(content)
