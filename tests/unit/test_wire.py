"""What crosses the wire comes out as it went in."""

from concurrent import futures

import grpc
import pytest

from hyperdatasets.core.errors import REASONS, InvalidFrame, InvalidQuery, Unavailable
from hyperdatasets.core.normalise import normalise
from hyperdatasets.v1 import dataset_service_pb2 as pb
from hyperdatasets.v1 import dataset_service_pb2_grpc as rpc
from hyperdatasets.v1 import frame_pb2
from hyperdatasets.wire.errors import from_rpc_error, to_status
from hyperdatasets.wire.frames import from_message, to_message

GEOMETRIES = [
    {"box": [1, 2, 3, 4]},
    {"box": [1, 2, 3, 4, 45]},
    {"polygon": [[0, 0, 4, 0, 4, 4], [1, 1, 2, 1, 2, 2]]},
    {"ellipse": [5, 5, 2, 1, 30]},
    {"keypoints": [1, 2, 3, 4]},
    {"mask": [1, 2, 3]},
    {"points3d": [1, 2, 3]},
    {"polygon3d": [1, 2, 3, 4, 5, 6, 7, 8, 9]},
    {"box3d": [0, 0, 0, 1, 1, 1, 1, 1, 2, 2]},
    {"span": [10, 20]},
]


def test_frames_with_everything_cross_the_wire():
    plain = {
        "site": "ward",
        "context_id": "drive",
        "timestamp": 0,
        "sources": [
            {
                "id": "front",
                "uri": "site://ward/a",
                "content_type": "image/png",
                "width": 100,
                "height": 80,
                "timestamp": -5,
                "size_bytes": 0,
                "digest": "sha256:00",
                "preview": "p",
                "masks": [{"id": "00", "uri": "m", "digest": "sha256:01"}],
                "meta": {"lens": 2**63 - 1},
            }
        ],
        "annotations": [
            {"labels": ["a", "b"], "geometry": geometry, "confidence": 0.0, "origin": "net", "sources": ["front"]}
            for geometry in GEOMETRIES
        ]
        + [{"labels": ["night"], "meta": {"x": 1.0}}],
        "meta": {"n": 1, "x": 1.0, "none": None},
    }
    frame, _ = normalise(plain)
    sent = frame_pb2.Frame.FromString(to_message(frame).SerializeToString())
    assert from_message(sent) == frame


def test_a_blob_crosses_the_wire():
    frame, _ = normalise({"id": "t", "blob": b"\x00words"})
    assert from_message(to_message(frame)) == frame


def test_metadata_that_is_no_json_is_refused():
    with pytest.raises(InvalidFrame, match="not JSON"):
        from_message(frame_pb2.Frame(id="f", meta_json="{"))


class Failing(rpc.DatasetServiceServicer):
    """Raises the error whose reason is asked for."""

    def GetDataset(self, request, context):  # noqa: N802 - the name in the proto
        context.abort_with_status(to_status(REASONS[request.dataset]("what to do", position=3)))


@pytest.fixture(scope="module")
def stub():
    server = grpc.server(futures.ThreadPoolExecutor(2))
    rpc.add_DatasetServiceServicer_to_server(Failing(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield rpc.DatasetServiceStub(channel)
    server.stop(None).wait()


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_error_is_rebuilt_at_the_client(stub, reason):
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetDataset(pb.GetDatasetRequest(dataset=reason), timeout=10)
    error = from_rpc_error(caught.value)
    assert type(error) is REASONS[reason]
    assert error.message == "what to do"
    assert error.fields == {"position": "3"}
    assert caught.value.code().name == REASONS[reason].status


def test_an_unreachable_server_is_unavailable():
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as caught:
        rpc.DatasetServiceStub(channel).GetDataset(pb.GetDatasetRequest(), timeout=10)
    assert isinstance(from_rpc_error(caught.value), Unavailable)


def test_reasons_are_unique_and_errors_are_the_python_ones():
    assert issubclass(InvalidQuery, ValueError)
    assert len(set(REASONS.values())) == len(REASONS)
