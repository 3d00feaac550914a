"""What files are, told by their content; what is wrong with them, told without decoding."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import sys
import tracemalloc
import warnings
import wave
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import nibabel
import numpy as np
import pillow_heif
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.media import Media, NotShown, UnreadableMedia, probe, probe_file, sound_ends, thumbnail
from hyperdatasets.formats.media.preview_pool import PreviewPool


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def looked_at(content: bytes, name: str = "x.jpg") -> Media:
    return probe(io.BytesIO(content), name, len(content))


PICTURE = Image.new("RGB", (40, 30), (1, 2, 3))


@pytest.mark.parametrize(
    ("image", "kind", "content_type"),
    [
        (PICTURE, "JPEG", "image/jpeg"),
        (PICTURE, "PNG", "image/png"),
        (PICTURE.convert("CMYK"), "JPEG", "image/jpeg"),
        (Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40)), "PNG", "image/png"),
        (Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40)), "TIFF", "image/tiff"),
        (PICTURE.convert("P"), "GIF", "image/gif"),
        (PICTURE.convert("RGBA"), "WEBP", "image/webp"),
        (PICTURE.convert("1"), "PNG", "image/png"),
    ],
)
def test_pictures_of_many_kinds(image: Image.Image, kind: str, content_type: str) -> None:
    content = encoded(image, kind)
    media = looked_at(content)
    assert (media.content_type, media.width, media.height) == (content_type, 40, 30)
    with Image.open(io.BytesIO(thumbnail(content, 16))) as small:
        assert small.size == (16, 12)
        assert small.mode == "RGB"


def test_a_turned_picture_has_the_size_as_shown() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(PICTURE, "JPEG", exif=exif)
    assert (looked_at(content).width, looked_at(content).height) == (30, 40)
    with Image.open(io.BytesIO(thumbnail(content, 20))) as small:
        assert small.size == (15, 20)


def test_a_picture_that_claims_a_billion_pixels_is_not_decoded() -> None:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    content = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    with pytest.raises(UnreadableMedia, match="more than the 178000000 pixels"):
        looked_at(content, "x.png")
    with pytest.raises(UnreadableMedia):
        thumbnail(content)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "x.jpg", "empty"),
        (encoded(PICTURE, "JPEG")[:-300], "x.jpg", "Truncated"),
        (encoded(PICTURE, "JPEG")[:-10], "x.jpg", "cut"),
        (encoded(PICTURE, "PNG")[:-20], "x.png", "cut"),
        (b"just text", "x.jpg", "content is none"),
        (b"just text", "x.wav", "is none"),
        (encoded(PICTURE, "PPM")[:-1], "x.ppm", "cut"),
        (encoded(PICTURE, "AVIF")[:-5], "x.avif", "cut"),
        (b"RIFF\x00\x00\x00\x00WAVEnonsense", "x.wav", "cannot be read"),
    ],
)
def test_files_that_are_not_what_they_should_be(content: bytes, name: str, message: str) -> None:
    with pytest.raises(UnreadableMedia, match=message):
        looked_at(content, name)


def test_sound_text_and_anything_else() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(1_000)
        file.writeframes(bytes(4 * 2_500))
    assert looked_at(out.getvalue(), "a").duration_ms == 2_500
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(out.getvalue()[:-1_000], "a.wav")
    assert looked_at("größe".encode(), "a.md") == Media("text/markdown", 7, characters=5)
    assert looked_at(b"\0\1\2", "a.bin") == Media("application/octet-stream", 3, unknown=True)


def test_a_file_that_cannot_be_read_is_a_reason(tmp_path: Path) -> None:
    assert probe_file(tmp_path / "nothing") == (None, "cannot be read: No such file or directory")


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (40, 30), (value, 0, 0)) for value in (0, 90, 200)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("kind", "content_type", "extra"),
    [
        ("GIF", "image/gif", {"frames": 3}),
        ("PNG", "image/png", {"frames": 3}),
        ("WEBP", "image/webp", {"frames": 3}),
        ("AVIF", "image/avif", {"frames": 3}),
        ("TIFF", "image/tiff", {"pages": 3}),
    ],
)
def test_frames_and_pages_are_counted(kind: str, content_type: str, extra: dict[str, int]) -> None:
    media = looked_at(animated(kind), "x")
    assert (media.content_type, media.width, media.height, media.extra) == (content_type, 40, 30, extra)
    assert media.to_plain()["meta"] == extra


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("BMP", "image/bmp"),
        ("PPM", "image/x-portable-anymap"),
        ("JPEG2000", "image/jp2"),
        ("AVIF", "image/avif"),
        ("HEIF", "image/heic"),
    ],
)
def test_more_kinds_of_pictures_are_told_by_their_content(kind: str, content_type: str) -> None:
    pillow_heif.register_heif_opener()
    media = looked_at(encoded(PICTURE.resize((64, 48)), kind), "x.bin")
    assert media == Media(content_type, media.size_bytes, 64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_a_plain_picture_has_no_metadata_so_that_digests_stay(kind: str) -> None:
    content = encoded(PICTURE, kind)
    plain = looked_at(content).to_plain()
    assert plain == {
        "content_type": f"image/{kind.lower()}", "size_bytes": len(content), "width": 40, "height": 30,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_and_the_stored_size_are_kept(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    media = looked_at(encoded(PICTURE, kind, exif=exif))
    assert (media.orientation, media.stored_size) == (orientation, (40, 30))
    assert (media.width, media.height) == ((30, 40) if orientation > 4 else (40, 30))


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_an_orientation_behind_the_pixels_of_a_png_is_found() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = encoded(PICTURE, "PNG")
    late = plain[:-12] + png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + plain[-12:]
    assert (looked_at(late).width, looked_at(late).orientation) == (30, 6)


def test_data_behind_the_end_of_a_picture_is_allowed() -> None:
    tail = b"\0\0\0\x18ftypmp42" + bytes(8_000)
    for kind in ("JPEG", "PNG"):
        assert looked_at(encoded(PICTURE, kind) + tail).width == 40


def test_the_small_picture_in_exif_is_not_taken_for_the_end() -> None:
    exif = Image.Exif()
    exif[0x010E] = "\xff\xd9 is in here"
    segment = b"\xff\xe1" + struct.pack(">H", 6) + b"\xff\xd9\xff\xd9"
    plain = encoded(PICTURE, "JPEG")
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(plain[:2] + segment + plain[2:-10])
    assert looked_at(plain[:2] + segment + plain[2:] + bytes(9_000)).width == 40


@pytest.mark.parametrize(
    "content",
    [
        b"BMI,age\n23.1,40\n",
        b"BMW parked at the gate\n",
        b"GIF89a is a format\n",
        b"GIF89a is a f",
        b"P5 is a road\n",
        b"P6 12 13 14 is our route\n",
        b"RIFF is WAVE\n",
        b"OggS is a container, fLaC a codec\n",
        b"ID3 tags\n",
        b"The ftyp box comes first\n",
        b"ply wood\n",
        b"VERSION 1\nFIELDS of wheat\n",
    ],
)
def test_texts_that_begin_like_something_else_are_texts(content: bytes) -> None:
    assert looked_at(content, "note.txt") == Media("text/plain", len(content), characters=len(content))


def wav(codec: int, bits: int, *, channels: int = 1, extension: bytes = b"", chunks: bytes = b"") -> bytes:
    size = max(1, channels * bits // 8)
    form = struct.pack("<HHIIHH", codec, channels, 8_000, 8_000 * size, size, bits) + extension
    data = bytes(800 * size)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + chunks + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


GUID = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"


@pytest.mark.parametrize(
    ("content", "codec"),
    [
        (wav(1, 24, channels=2), None),
        (wav(3, 32), "float"),
        (wav(6, 8), "A-law"),
        (wav(7, 8), "mu-law"),
        (wav(0xFFFE, 16, extension=struct.pack("<HHIH", 22, 16, 4, 1) + GUID), None),
        (wav(0xFFFE, 32, extension=struct.pack("<HHIH", 22, 32, 4, 3) + GUID), "float"),
        (wav(0x11, 4, extension=struct.pack("<HH", 2, 1), chunks=b"fact" + struct.pack("<II", 4, 800)), "IMA ADPCM"),
    ],
)
def test_recordings_with_every_codec(content: bytes, codec: str | None) -> None:
    media = looked_at(content, "x.wav")
    assert (media.content_type, media.duration_ms, media.extra.get("codec")) == ("audio/wav", 100, codec)
    assert media.extra["sample_rate"] == 8_000
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(content[:-1], "x.wav")


def test_long_recordings() -> None:
    plain = wav(1, 16)
    at = plain.index(b"data")
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(plain), 1_600, 800, 0)
    rf64 = b"RF64\xff\xff\xff\xffWAVE" + ds64 + plain[12:at] + b"data\xff\xff\xff\xff" + plain[at + 8 :]
    assert looked_at(rf64, "x.wav").duration_ms == 100
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    form, data = plain[20:36], plain[at + 8 :]
    chunks = b"fmt " + tail + struct.pack("<Q", 40) + form + b"data" + tail + struct.pack("<Q", 24 + len(data)) + data
    w64 = bytes.fromhex("726966662e91cf11a5d628db04c10000") + struct.pack("<Q", 40 + len(chunks)) + b"wave" + tail
    assert looked_at(w64 + chunks, "x.w64").duration_ms == 100
    streamed = plain[: at + 4] + b"\xff\xff\xff\xff" + plain[at + 8 :]
    assert looked_at(streamed, "x.wav").duration_ms == 100
    assert looked_at(streamed, "x.wav").notes


def sound(kind: str, codec: str, rate: int = 48_000) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "stereo"
        samples = (np.sin(np.arange(rate) / 20) * 9_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = rate
        for part in [
            *av.AudioResampler(stream.format, "stereo", rate, 960 if codec == "libopus" else 1_024).resample(frame)
        ]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "codec", "content_type"),
    [
        ("flac", "flac", "audio/flac"),
        ("mp3", "libmp3lame", "audio/mpeg"),
        ("ogg", "libopus", "audio/ogg"),
        ("ipod", "aac", "audio/mp4"),
        ("adts", "aac", "audio/aac"),
        ("aiff", "pcm_s16be", "audio/aiff"),
        ("mp4", "aac", "audio/mp4"),
    ],
)
def test_compressed_sound(kind: str, codec: str, content_type: str) -> None:
    content = sound(kind, codec)
    media = looked_at(content, "x")
    assert (media.content_type, media.extra) == (content_type, {"channels": 2, "sample_rate": 48_000})
    assert media.duration_ms is not None
    assert 900 < media.duration_ms < 1_150


def test_damaged_sound_is_refused() -> None:
    with pytest.raises(UnreadableMedia, match="cannot be read"):
        looked_at(sound("flac", "flac")[:20], "x.flac")


def video(kind: str, codec: str = "mpeg4", *, turned: bool = False, size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if turned:
            stream.set_display_rotation(90)
        for value in range(20):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, (value * 10, 0, 0)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "codec", "content_type"),
    [
        ("mp4", "mpeg4", "video/mp4"),
        ("mov", "mpeg4", "video/quicktime"),
        ("matroska", "mpeg4", "video/x-matroska"),
        ("webm", "libvpx", "video/webm"),
        ("avi", "mpeg4", "video/x-msvideo"),
    ],
)
def test_videos(kind: str, codec: str, content_type: str) -> None:
    media = looked_at(video(kind, codec), "x")
    assert (media.content_type, media.width, media.height, media.duration_ms) == (content_type, 64, 48, 2_000)
    assert media.extra == {"frame_rate": 10.0, "frames": 20}


def test_a_turned_video_has_the_size_as_shown() -> None:
    media = looked_at(video("mp4", turned=True), "x.mp4")
    assert (media.width, media.height) == (48, 64)


def test_damaged_videos_are_refused() -> None:
    content = video("mp4")
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(content[:-40], "x.mp4")
    with pytest.raises(UnreadableMedia, match="cannot be read"):
        looked_at(content[:24] + b"\0\0\0\x08moov", "x.mp4")
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(video("avi")[:60], "x.avi")


@pytest.mark.parametrize("name", ["av", "pydicom", "nibabel"])
def test_without_an_extra_the_type_is_known_and_a_note_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, content_type, extra = {
        "av": (video("webm", "libvpx"), "video/webm", "video"),
        "pydicom": (dicom(), "application/dicom", "medical"),
        "nibabel": (nifti(), "application/x-nifti", "medical"),
    }[name]
    for module in [name, *(module for module in sys.modules if module.startswith(f"{name}."))]:
        monkeypatch.setitem(sys.modules, module, None)
    media = looked_at(content, "x")
    assert (media.content_type, media.width, media.site_only) == (content_type, None, {})
    assert f"pip install 'hyperdatasets[{extra}]'" in media.notes[0]


def dicom(*, rows: int = 30, columns: int = 40, syntax: str = ExplicitVRLittleEndian, **fields: object) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, "1.2.3"
    data = Dataset()
    data.file_meta = meta
    data.Rows, data.Columns, data.Modality, data.PatientName = rows, columns, "CT", "Somebody"
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelSpacing, data.SliceThickness = [0.5, 0.25], 2
    for name, value in fields.items():
        setattr(data, name, value)
    if "PixelData" not in fields:
        data.PixelData = bytes(2 * 30 * 40)
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_facts_of_dicom_are_for_the_site_only() -> None:
    content = dicom(NumberOfFrames=3)
    media = looked_at(content, "x")
    assert (media.content_type, media.width, media.height) == ("application/dicom", 40, 30)
    facts = {"modality": "CT", "rows": 30, "columns": 40, "slices": 3, "spacing": [0.5, 0.25, 2.0]}
    assert media.site_only == facts
    assert "meta" not in media.to_plain()


def test_damaged_and_hostile_dicom() -> None:
    with pytest.raises(UnreadableMedia, match="pixels"):
        looked_at(dicom(rows=60_000, columns=60_000), "x.dcm")
    assert looked_at(dicom()[:150], "x.dcm").site_only == {}
    odd = dicom().replace(
        struct.pack("<HH2sHH", 0x28, 0x10, b"US", 2, 30), struct.pack("<HH2sHH", 0x28, 0x10, b"US", 1, 0)
    )
    with pytest.raises(UnreadableMedia, match="DICOM file cannot be read"):
        looked_at(odd, "x.dcm")
    assert "deflated" in looked_at(dicom(syntax=DeflatedExplicitVRLittleEndian), "x.dcm").notes[0]


def nifti(shape: tuple[int, ...] = (4, 5, 6)) -> bytes:
    volume = nibabel.Nifti1Image(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), np.diag([2, 3, 4, 1]))
    return bytes(volume.to_bytes())


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_facts_of_volumes_are_for_the_site_only(pack: Callable[[bytes], bytes]) -> None:
    media = looked_at(pack(nifti()), "x.nii.gz")
    assert (media.content_type, media.width) == ("application/x-nifti", None)
    assert media.site_only == {"rows": 5, "columns": 4, "slices": 6, "spacing": [3.0, 2.0, 4.0]}
    second = nibabel.Nifti2Image(np.zeros((4, 5, 6, 2), np.int16), np.eye(4)).to_bytes()
    assert looked_at(pack(second), "x.nii").site_only["volumes"] == 2


@pytest.mark.slow
def test_of_a_compressed_volume_only_the_header_is_unpacked() -> None:
    bomb = gzip.compress(nifti()[:352] + bytes(200 << 20), 9)
    tracemalloc.start()
    try:
        assert looked_at(bomb, "x.nii.gz").site_only["slices"] == 6
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert looked_at(gzip.compress(b"\0" * 9_999), "x.gz").unknown
    assert looked_at(gzip.compress(nifti())[:8] + b"damaged" * 9 + b"\0", "x.nii.gz").unknown


def test_point_clouds() -> None:
    pcd = b"# .PCD v0.7\nVERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 2\nHEIGHT 1\nPOINTS 2\n"
    media = looked_at(pcd + b"DATA binary\n" + bytes(24), "x")
    assert media.content_type == "application/x-pcd"
    assert media.extra == {"points": 2, "fields": ["x", "y", "z"], "encoding": "binary"}
    ply = b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nelement face 7\n"
    ply += b"property list uchar int vertex_index\nend_header\n1 2\n" + b"3 0 0 0\n" * 7
    media = looked_at(ply, "x")
    assert media.content_type == "application/x-ply"
    assert media.extra == {"points": 1, "fields": ["x", "y"], "encoding": "ascii", "faces": 7}
    with pytest.raises(UnreadableMedia, match="damaged"):
        looked_at(ply[:40], "x.ply")
    assert normalise({"sources": [{"id": "a", "uri": "b://c", **media.to_plain()}]})[0]["sources"][0]["meta"]


@pytest.mark.parametrize(
    ("content", "name", "characters", "extra"),
    [
        ("größe".encode(), "a.txt", 5, {}),
        ("größe".encode("utf-8-sig"), "a.txt", 6, {}),
        ("größe".encode("utf-16"), "a", 5, {"encoding": "utf-16"}),
        ("größe".encode("utf-32"), "a", 5, {"encoding": "utf-32"}),
        ("größe €".encode("cp1252"), "a.csv", 7, {"encoding": "windows-1252", "encoding_guessed": True}),
        ("привет".encode("koi8-r"), "a.txt", None, {"encoding": "unknown-8bit", "encoding_guessed": True}),
        (("Straße " * 9).encode("latin-1"), "a", 63, {"encoding": "windows-1252", "encoding_guessed": True}),
    ],
)
def test_texts_and_their_encodings(content: bytes, name: str, characters: int | None, extra: dict[str, object]) -> None:
    media = looked_at(content, name)
    assert (media.characters, media.extra, media.content_type[:5]) == (characters, extra, "text/")
    assert bool(media.notes) == ("encoding_guessed" in extra)


def test_bytes_are_no_text() -> None:
    rng = np.random.default_rng(7)
    for content in (rng.bytes(5_000), b"\xff\xfe\0\0\1\2\3", b"\xff\xfeab\0", b"\xff\xfb\x90d" + bytes(50)):
        assert looked_at(content, "a.bin").unknown


def test_pictures_in_name_only_are_refused_whatever_they_are() -> None:
    for content in (wav(1, 16), video("mp4"), nifti()):
        with pytest.raises(UnreadableMedia, match="named like a picture, but its content is none"):
            looked_at(content, "x.jpg")


def test_warnings_are_as_before_after_threads_have_probed() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(looked_at, [encoded(PICTURE, "TIFF")] * 200))) == 200
    assert warnings.filters == before


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_described_or_refused(seed: int) -> None:
    """Bytes that are changed or cut raise nothing but `UnreadableMedia`."""
    rng = np.random.default_rng(seed)
    samples = [encoded(PICTURE, kind) for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "AVIF", "JPEG2000")]
    for content in (*samples, wav(2, 16), dicom(), nifti(), video("mp4"), sound("flac", "flac", 8_000)):
        changed = bytearray(content)
        for at in rng.integers(0, min(len(changed), 400), 6):
            changed[at] = rng.integers(256)
        cut = bytes(changed[: rng.integers(1, len(changed))]) if seed % 2 else bytes(changed)
        with contextlib.suppress(UnreadableMedia):
            looked_at(cut, "x")


def test_a_webp_that_claims_a_huge_canvas_is_refused_before_memory_is_taken_for_it() -> None:
    frames = [Image.new("RGB", (40, 30), (value, 0, 0)) for value in (0, 90)]
    animation = bytearray(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    animation[24:30] = b"\xff\xff\x00\xff\xff\x00"
    lossless = bytearray(encoded(PICTURE, "WEBP", lossless=True))
    lossless[21:25] = b"\xff\xff\xff\x0f"
    lossy = bytearray(encoded(PICTURE, "WEBP"))
    lossy[26:30] = b"\xff\x3f\xff\x3f"
    for content in (animation, lossless, lossy):
        with pytest.raises(UnreadableMedia, match="pixels; at most"):
            looked_at(bytes(content), "x.webp")


NOISE = Image.fromarray((np.random.default_rng(1).random((300, 401, 3)) * 255).astype(np.uint8))
KINDS = {
    "bmp": encoded(NOISE, "BMP"),
    "bmp of 1 bit": encoded(NOISE.convert("1"), "BMP"),
    "tiff": encoded(NOISE, "TIFF"),
    "tiff of 1 bit": encoded(NOISE.convert("1"), "TIFF"),
    "tiff of floats": encoded(NOISE.convert("F"), "TIFF"),
    "big tiff": encoded(NOISE, "TIFF", big_tiff=True),
    "packed tiff": encoded(NOISE, "TIFF", compression="tiff_lzw"),
    "tiff of pages": encoded(NOISE, "TIFF", save_all=True, append_images=[NOISE, NOISE]),
    "gif": encoded(NOISE.convert("P"), "GIF"),
    "animation": encoded(NOISE.convert("P"), "GIF", save_all=True, append_images=[NOISE.convert("L")]),
    "jp2": encoded(NOISE, "JPEG2000"),
    "jp2 of tiles": encoded(NOISE, "JPEG2000", tile_size=(64, 64)),
    "j2k": encoded(NOISE, "JPEG2000", no_jp2=True),
    "png": encoded(NOISE, "PNG"),
    "webp": encoded(NOISE, "WEBP"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_picture_is_refused_and_one_with_data_behind_it_is_not(kind: str) -> None:
    content = KINDS[kind]
    assert looked_at(content, "x.tif").width == 401
    assert looked_at(content + bytes(1_000) + b"abc", "x.tif").width == 401
    for share in (0.1, 0.5, 0.9, 0.999):
        with pytest.raises(UnreadableMedia):
            looked_at(content[: int(len(content) * share)], "x.tif")


def test_a_png_with_a_changed_byte_is_refused_but_for_its_texts() -> None:
    content = bytearray(KINDS["png"])
    content[len(content) // 2] ^= 1
    with pytest.raises(UnreadableMedia, match="the checksum of a chunk `IDAT` is wrong"):
        looked_at(bytes(content), "x.png")
    text = png_chunk(b"tEXt", b"Title\0x")[:-1] + b"?"
    plain = encoded(PICTURE, "PNG")
    assert looked_at(plain[:-12] + text + plain[-12:], "x.png").width == 40


def test_a_tiff_whose_last_strip_says_too_much_or_that_has_holes_is_whole() -> None:
    content = encoded(PICTURE, "TIFF")
    size = struct.pack("<I", 40 * 30 * 3)
    assert content.count(size) == 1
    assert looked_at(content.replace(size, struct.pack("<I", 1 << 20)), "x.tif").width == 40
    assert looked_at(content.replace(size, bytes(4)), "x.tif").width == 40


def test_a_cut_volume_is_refused() -> None:
    content = nifti()
    assert not content.startswith(b"\x1f\x8b")
    with pytest.raises(UnreadableMedia, match="the volume is cut"):
        looked_at(content[:-1], "x.nii")


@pytest.mark.parametrize(("kind", "codec", "name"), [
    ("flac", "flac", "a.flac"), ("aiff", "pcm_s16be", "a.aiff"), ("ogg", "libopus", "a.opus"), ("ipod", "aac", "a.m4a"),
    ("avi", "mpeg4", "v.avi"), ("matroska", "mpeg4", "v.mkv"), ("webm", "libvpx", "v.webm"), ("mp4", "mpeg4", "v.mp4"),
])  # fmt: skip
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_recording_or_video_is_refused(kind: str, codec: str, name: str, share: float) -> None:
    content = (video if name.startswith("v") else sound)(kind, codec)
    assert looked_at(content, name).notes == ()
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(content[: int(len(content) * share)], name)


@pytest.mark.parametrize(("kind", "codec", "name"), [("adts", "aac", "a.aac"), ("mp3", "libmp3lame", "a.mp3")])
def test_a_recording_that_may_be_cut_is_noticed(kind: str, codec: str, name: str) -> None:
    content = sound(kind, codec)
    assert looked_at(content, name).notes == ()
    assert looked_at(content[: len(content) * 2 // 3], name).notes == (sound_ends.MAY_BE_CUT,)


@pytest.mark.parametrize("missing", [1, 2, 40])
def test_a_flac_file_without_its_last_bytes_is_noticed(missing: int) -> None:
    content = sound("flac", "flac")
    assert looked_at(content + b"TAG" + bytes(125), "a.flac").notes == ()
    assert looked_at(content[:-missing], "a.flac").notes == (sound_ends.MAY_BE_CUT,)


PLY_HEAD = """ply
format {} 1.0
element vertex 3
property float x
property double y
element face 2
property list uchar int vertex_index
end_header
"""
PCD_HEAD = "# .PCD v0.7\nFIELDS x n\nSIZE 4 2\nTYPE F U\nCOUNT 1 3\nWIDTH 3\nHEIGHT 1\nPOINTS 3\nDATA {}\n"


@pytest.mark.parametrize(("name", "head", "body"), [
    ("a.ply", PLY_HEAD.format("binary_little_endian"), bytes(36) + (b"\3" + bytes(12)) + (b"\4" + bytes(16))),
    ("a.ply", PLY_HEAD.format("binary_big_endian").replace("\n", "\r\n"), bytes(36) + (b"\3" + bytes(12)) * 2),
    ("a.ply", PLY_HEAD.format("ascii").replace("face 2", "face 0"), b"1 2\n3 4\n5 6"),
    ("a.pcd", PCD_HEAD.format("binary"), bytes(30)),
    ("a.pcd", PCD_HEAD.format("binary_compressed"), struct.pack("<II", 9, 30) + bytes(9)),
    ("a.pcd", PCD_HEAD.format("ascii"), b"1 2 3 4\n" * 2 + b"1 2 3 4"),
])  # fmt: skip
def test_a_cut_point_cloud_is_refused(name: str, head: str, body: bytes) -> None:
    content = head.encode() + body
    assert looked_at(content, name).extra["points"] == 3
    assert looked_at(content + b"\n", name).extra["points"] == 3
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(content[:-2], name)
    with pytest.raises(UnreadableMedia, match="cut"):
        looked_at(content[: -len(body) // 2], name)


def test_a_dicom_file_that_begins_like_a_tiff_is_dicom_unless_it_is_named_tiff() -> None:
    content = b"II*\0" + dicom()[4:]
    assert looked_at(content, "x.dcm").content_type == "application/dicom"
    with Image.open(io.BytesIO(encoded(PICTURE, "TIFF"))) as image:
        both = bytearray(encoded(image, "TIFF", description="x" * 400))
    both[128:132] = b"DICM"
    assert looked_at(bytes(both), "x.tif").content_type == "image/tiff"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("missing", [1, 7, 300, 2_399, 2_405])
def test_a_cut_dicom_file_says_so(syntax: str, missing: int) -> None:
    content = dicom(syntax=syntax)
    assert looked_at(content, "x").notes == ()
    assert "fewer bytes than its pixels need" in looked_at(content[:-missing], "x").notes[0]


@pytest.mark.parametrize("missing", [1, 8, 9, 200])
def test_a_dicom_file_with_compressed_pixels_that_is_cut_says_so(missing: int) -> None:
    content = dicom(syntax=JPEGBaseline8Bit, PixelData=encapsulate([bytes(100), bytes(200)]), NumberOfFrames=2)
    assert looked_at(content, "x").notes == ()
    assert "fewer bytes than its pixels need" in looked_at(content[:-missing], "x").notes[0]


def test_a_dicom_file_without_its_pixels_says_so() -> None:
    assert "fewer bytes than its pixels need" in looked_at(dicom(NumberOfFrames=9_000), "x").notes[0]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_a_sound_picture_that_cannot_be_shown_is_told_from_a_damaged_one(mode: str) -> None:
    content = encoded(NOISE.convert("L").convert(mode), "TIFF")
    with pytest.raises(NotShown, match="no fixed range"):
        thumbnail(content)
    with PreviewPool(1) as previews:
        with pytest.raises(NotShown, match="no fixed range"):
            previews.preview(content)
        with pytest.raises(UnreadableMedia) as damaged:
            previews.preview(content[:-900])
    assert damaged.type is UnreadableMedia
