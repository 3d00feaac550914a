"""Previews of every kind of file, and the processes that make them."""

from __future__ import annotations

import gzip
import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import av
import nibabel
import numpy as np
import pillow_heif
import psutil
import pytest
from PIL import Image

from hyperdatasets.formats.media import UnreadableMedia, thumbnail
from hyperdatasets.formats.media.preview_pool import PreviewPool, PreviewWorkerFailed
from hyperdatasets.formats.media.previews import has_preview


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixels(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        return np.asarray(image.convert("RGB")).astype(int)


RED = encoded(Image.new("RGB", (80, 60), (200, 10, 10)), "JPEG")


def huge_png(edge: int) -> bytes:
    """A small file that expands to a white picture of edge x edge pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(1)
    rows = b"".join(packer.compress(b"\0" + b"\xff" * (3 * edge)) for _ in range(edge)) + packer.flush()
    header = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_which_types_have_previews() -> None:
    assert all(map(has_preview, ("image/heic", "video/mp4", "application/dicom", "application/x-nifti")))
    assert not any(map(has_preview, ("text/plain", "audio/wav", "application/octet-stream")))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIF", "JPEG2000", "PPM"])
def test_pictures(kind: str) -> None:
    pillow_heif.register_heif_opener()
    small = pixels(thumbnail(encoded(Image.new("RGB", (80, 60), (200, 10, 10)), kind), 40))
    assert small.shape == (30, 40, 3)
    assert np.abs(small.mean(axis=(0, 1)) - (200, 10, 10)).max() < 8


def test_sixteen_bits_are_not_stretched() -> None:
    dark = np.full((30, 40), 300, np.uint16)
    dark[0, 0] = 0
    assert pixels(thumbnail(encoded(Image.fromarray(dark), "PNG"))).max() < 9


def test_an_animation_is_shown_by_its_first_frame() -> None:
    frames = [Image.new("RGB", (16, 16), (value, value, value)) for value in (250, 10)]
    for kind in ("GIF", "PNG", "WEBP"):
        assert pixels(thumbnail(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))).mean() > 240


def test_the_middle_slice_of_a_volume() -> None:
    stored = np.zeros((20, 10, 5), np.int16)
    stored[:10, 8:, 2] = 100
    content = bytes(nibabel.Nifti1Image(stored, np.eye(4)).to_bytes())
    for packed in (content, gzip.compress(content)):
        small = pixels(thumbnail(packed, content_type="application/x-nifti"))
        assert small.shape == (10, 20, 3)
        assert small[0, :8].min() > 220  # the second axis runs upwards
        assert small[4:].max() < 60
    with pytest.raises(UnreadableMedia, match="cut"):
        thumbnail(content[:-1_500])
    with pytest.raises(UnreadableMedia, match="unpacked"):
        thumbnail(gzip.compress(content[:-1_500]))


def test_a_volume_that_claims_terabytes_is_refused() -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((10_000, 10_000, 30_000))
    content = header.binaryblock + bytes(9_000)
    with pytest.raises(UnreadableMedia, match="4 GiB"):
        thumbnail(gzip.compress(content))


def video(*, turned: bool = False) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        if turned:
            stream.set_display_rotation(90)
        for index in range(40):
            shown = Image.new("RGB", (96, 64), (0, 0, 0) if index > 3 else (250, 250, 250))
            shown.paste((0, 0, 250), (0, 0, 48, 64))  # the left half is blue
            container.mux(stream.encode(av.VideoFrame.from_image(shown)))
        container.mux(stream.encode(None))
    return out.getvalue()


def test_a_video_is_shown_by_an_early_frame_as_shown() -> None:
    assert pixels(thumbnail(video()))[:, 60:].mean() > 220
    turned = pixels(thumbnail(video(turned=True)))
    assert turned.shape == (96, 64, 3)
    assert turned[60:, :, 0].mean() < 60  # turned against the clock, left becomes below
    with pytest.raises(UnreadableMedia, match="video cannot be decoded"):
        thumbnail(video()[:60])


def test_a_video_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnreadableMedia, match=r"hyperdatasets\[video\]"):
        thumbnail(b"\0\0\0\x18ftypmp42" + bytes(50))


def test_what_has_no_picture() -> None:
    with pytest.raises(UnreadableMedia, match="no picture of audio/wav"):
        thumbnail(b"RIFF\0\0\0\0WAVEfmt ")
    with pytest.raises(UnreadableMedia):
        thumbnail(b"just text")


def test_a_pool_gives_the_same_previews() -> None:
    with PreviewPool(2) as pool:
        for content in (RED, bytearray(RED), video(), huge_png(300)):
            assert pool.preview(content, "image/jpeg", edge=50) == thumbnail(bytes(content), 50)
        with pytest.raises(UnreadableMedia, match="cannot be read"):
            pool.preview(RED[:200], "image/jpeg")


def test_pools_serve_many_threads() -> None:
    with PreviewPool(2) as pool, ThreadPoolExecutor(8) as threads:
        sizes = [10 + index % 30 for index in range(120)]
        made = list(threads.map(lambda size: pool.preview(RED, edge=size), sizes))
    assert [pixels(jpeg).shape[1] for jpeg in made] == sizes


@pytest.mark.slow
def test_a_picture_that_needs_too_much_memory_is_refused_and_the_next_ones_work() -> None:
    with PreviewPool(1, memory_bytes=128 << 20) as pool:
        with pytest.raises(UnreadableMedia, match="its preview would need more than 128 MiB"):
            pool.preview(huge_png(8_000), "image/png")
        assert pool.preview(RED) == thumbnail(RED)
        assert pool.preview(huge_png(2_000)) == thumbnail(huge_png(2_000))
        assert pool.preview(video()) == thumbnail(video())


@pytest.mark.slow
def test_a_large_picture_whose_decoder_reports_damage_may_have_met_the_limit() -> None:
    large = encoded(Image.new("RGB", (5_000, 5_000), (1, 2, 3)), "JPEG", progressive=True)
    with PreviewPool(1, memory_bytes=64 << 20) as pool:
        with pytest.raises(UnreadableMedia, match="would need more than 64 MiB, or it is damaged"):
            pool.preview(large)
        with pytest.raises(UnreadableMedia, match=r"^the picture cannot be read"):
            pool.preview(RED[:-300])


@pytest.mark.slow
def test_a_picture_that_takes_too_long_is_refused_and_the_next_ones_work() -> None:
    with PreviewPool(1, time_limit_s=0.3, memory_bytes=1 << 30) as pool:
        assert pool.preview(RED)
        with pytest.raises(UnreadableMedia, match=r"its preview takes longer than 0\.3 s"):
            pool.preview(slow_volume())
        assert pool.preview(RED)


def slow_volume() -> bytes:
    """A compressed volume whose middle slice lies behind two gigabytes of zeros."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((1_000, 1_000, 4_000))
    packed = gzip.compress(bytes(64 << 20), 1)
    return gzip.compress(bytes(header.binaryblock)) + packed * 40


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if any("preview_worker" in word for word in each.cmdline())]


def test_workers_start_late_are_replaced_and_end_with_the_pool() -> None:
    with PreviewPool(2) as pool:
        assert children() == []
        assert pool.preview(RED)
        (worker,) = children()
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(UnreadableMedia, match="stopped the decoder"):
            pool.preview(RED)
        assert pool.preview(RED)
        assert children() != [worker]
    assert children() == []


@pytest.mark.slow
def test_workers_end_with_their_parent() -> None:
    code = (
        "import os, sys\nfrom hyperdatasets.formats.media.preview_pool import PreviewPool\n"
        "pool = PreviewPool(1)\npool.preview(sys.stdin.buffer.read())\n"
        "print(pool._idle.get()._process.pid, flush=True)\nos._exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=RED, capture_output=True, check=False)
    pid = int(done.stdout)
    if psutil.pid_exists(pid):
        psutil.wait_procs([psutil.Process(pid)], timeout=10)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_worker_that_does_not_start_is_no_fault_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with PreviewPool(1) as pool, pytest.raises(PreviewWorkerFailed, match="exit status 1"):
        pool.preview(RED)
