"""Clips at a site: a position of a session is a list of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.examples import picture
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.core.errors import DigestMismatch
from hyperdatasets.flower import site_view
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.node_service_pb2_grpc import NodeServiceStub
from tests.flower_context import Context
from tests.node.conftest import SiteUnderTest

CLIPS = [["00", "01", "02", "03"], ["04"], ["05", "06", "07", "08"], ["09", "10", "11"]]
"""Two videos (up to 04, and from 05 on), cut into clips of four."""


@pytest.fixture
def videos(site: SiteUnderTest) -> SiteUnderTest:
    files = {path.stem: path.relative_to(site.data).as_posix() for path in site.data.rglob("*.png")}
    lines = [f"{files[name]},{'one' if int(name) < 5 else 'two'},{int(name) * 40}" for name in sorted(files)]
    (site.data / "videos.csv").write_text("\n".join(["file,video,ms", *lines]))
    done = site.register(columns_file="videos.csv", context_column="video", timestamp_column="ms")
    assert done.frames["added"] == 12
    return site


def published(site: SiteUnderTest, name: str = "clips", frames: int = 4, **iteration: Any) -> DataView:
    site.published_view("all")
    view = DataView(name, project="clinic", client=site.client)
    view.add_rule(dataset="clinic/cells", version="v1")
    view.set(iteration={"clip": {"frames": frames}, **iteration})
    return view.publish()


def names(clip: list[AnyFrame]) -> list[str]:
    return [sample.source.rpartition("/")[2].removesuffix(".png") for sample in clip]


def test_a_session_delivers_clips(videos: SiteUnderTest) -> None:
    view = published(videos)
    with videos.reader.open(view=view.reference) as session:
        assert (session.clips, session.count) == (True, 4)
        clips = list(session)
        assert [names(clip) for clip in clips] == CLIPS
        assert [{sample.position for sample in clip} for clip in clips] == [{0}, {1}, {2}, {3}]
        for sample in (sample for clip in clips for sample in clip):
            path = videos.data / sample.source.removeprefix("site://north/scans/")
            assert sample.content() == path.read_bytes()
        assert [names(clip) for clip in session.stream(start=2)] == CLIPS[2:]
        assert [names(clip) for clip in session.stream(limit=1)] == CLIPS[:1]
    assert [names(clip) for clip in view.open(videos.reader)] == CLIPS
    assert [[frame.id for frame in clip] for clip in view] == [[sample.id for sample in clip] for clip in clips]


def test_ranks_and_workers_share_clips(videos: SiteUnderTest) -> None:
    view = published(videos, order="random", seed=3)
    found = []
    for rank in range(2):
        with videos.reader.open(view=view.reference, partition=(rank, 2)) as session:
            for worker in range(2):
                found += [names(clip) for clip in session.stream(worker=worker, workers=2)]
    assert sorted(found) == CLIPS


def test_a_changed_file_leaves_its_clip(videos: SiteUnderTest) -> None:
    view = published(videos)
    for name in ("03", "04", "09"):
        (path,) = videos.data.rglob(f"{name}.png")
        path.write_bytes(b"changed")
    with videos.reader.open(view=view.reference) as session:
        with pytest.warns(UserWarning, match="has changed since it was registered"):
            clips = list(session)
        assert [names(clip) for clip in clips] == [["00", "01", "02"], CLIPS[2], ["10", "11"]]
        assert session.mismatched == 3
        with pytest.raises(DigestMismatch, match="position 0"):
            list(session.stream(strict=True))


def test_reports_count_frames_and_name_positions(videos: SiteUnderTest) -> None:
    view = published(videos)
    with videos.reader.open(view=view.reference) as session:
        list(session)
    status = videos.reader.status()
    assert status.frames_served == 12


def test_large_files_in_clips_come_in_pieces(videos: SiteUnderTest) -> None:
    content = bytes(range(256)) * 12_000
    for name in ("00", "06"):
        (path,) = videos.data.rglob(f"{name}.png")
        path.with_name(f"x{name}.bin").write_bytes(content)
    lines = (videos.data / "videos.csv").read_text().splitlines()
    (first,) = [path.relative_to(videos.data) for path in videos.data.rglob("x00.bin")]
    (second,) = [path.relative_to(videos.data) for path in videos.data.rglob("x06.bin")]
    (videos.data / "videos.csv").write_text("\n".join([*lines, f"{first},one,20", f"{second},two,260"]))
    videos.register(columns_file="videos.csv", context_column="video", timestamp_column="ms", format="files")
    view = published(videos)
    with videos.reader.open(view=view.reference) as session:
        clips = list(session)
        assert [names(clip) for clip in clips] == [
            ["00", "x00.bin", "01", "02"], ["03", "04"], ["05", "06", "x06.bin", "07"], ["08", "09", "10", "11"],
        ]  # fmt: skip
        assert clips[0][1].content() == clips[2][2].content() == content


def test_a_part_of_a_clip_is_found_by_its_number(videos: SiteUnderTest) -> None:
    view = published(videos)
    reader = videos.reader
    with reader.open(view=view.reference) as session:
        clip = list(session)[2]
        request = pb.ReadSourceRequest(session_id=session._id, position=2, part=1)
        answers = reader._connection.stream(lambda channel: NodeServiceStub(channel).ReadSource, request)
        assert b"".join(answer.data for answer in answers) == clip[1].content()


def test_flower_gets_clips(videos: SiteUnderTest) -> None:
    view = published(videos, frames=1, limit=3)
    context = Context({"node-address": videos.node.address}, {"view-train": view.reference})
    with site_view(context, "train") as train:
        x, y = train.numpy(decode=lambda clip: np.array([len(each.parts) for each in clip]))
        assert (x.shape, y.tolist()) == ((3, 1), [train.session.labels[label] for label in ("wbc", "rbc", "rbc")])
        shapes = [picture(clip).shape for clip in train]
        assert shapes == [(1, 24, 32, 3), (1, 24, 33, 3), (1, 24, 34, 3)]
