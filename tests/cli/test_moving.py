"""A dataset moved from one deployment to another: everything that can be proven is the same there."""

from __future__ import annotations

import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from blake3 import blake3

from hyperdatasets.cli.main import run
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from metadata_service.catalog import dataset_export as exports
from metadata_service.catalog import dataset_import
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

GATE = "checks:\n  - name: cells\n    frame_query: rois.label:cell\n    expect: count >= 1\n"


@contextmanager
def serving(data: Path) -> Iterator[MetadataClient]:
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        yield client
        client.close()


def made(number: int, label: str = "cell") -> SingleFrame:
    frame = SingleFrame(f"s3://b/{number}", id=f"f{number:03}", metadata={"n": number}, context_id=f"c{number % 7}",
                        timestamp=1_000 - number, preview_uri="data:image/png;base64,AAAA")  # fmt: skip
    if number % 10 == 0:
        frame.blob = b"content %d" % number
    frame.add_annotation(box2d_xywh=(number, 0, 1, 1), labels=[label])
    frame.set_vector("clip", [float(number), 1.0])
    return frame


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return filled(tmp_path / "a")


def filled(data: Path) -> Path:
    """A deployment with a dataset of four versions (one merged, one a draft), three views and a withdrawn frame."""
    with serving(data) as client:
        Dataset.create("cells", dataset_project="clinic", tags=["blood"], description="of May", client=client)
        draft = DatasetVersion.get_current("cells", client=client)
        draft.set_masks_labels({(1, 1, 1): ["cell"]})
        draft.add_frames([made(number) for number in range(100)])
        draft.set_metadata({"by": "ann"})
        gate = data.with_name("gate.yaml")
        gate.write_text(GATE)
        Dataset.get("cells", client=client).set_gate(gate)
        draft.publish_version("v1")
        for name, label in (("left", "red"), ("right", "white")):
            child = DatasetVersion.create_version(
                dataset_name="cells", version_name=name, parent_version_names=["v1"], comment=f"{name} hand",
                client=client,
            )  # fmt: skip
            child.update_by_query(frame_query="meta.n:>=50", relabel={"cell": label})
            child.publish_version()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what collided
            merged = DatasetVersion.create_version(
                dataset_name="cells", version_name="both", parent_version_names=["left", "right"], client=client
            )
        merged.delete_frames(["f001"])
        for name, rule, order in (
            ("cells-in-order", {"roi_rules": [{"query": "cell"}]}, "sequential"),
            ("cells-at-random", {"frame_query": "meta.n:<70"}, "random"),
            ("alike", {"vector": {"field": "clip", "near": [1.0, 1.0], "k": 5}}, "random"),
        ):
            view = DataView(name, client=client)
            view.add_rule(dataset="clinic/cells", version="left", **rule)
            view.set(iteration={"order": order, "seed": 3})
            view.publish()
        assert Dataset.get("cells", client=client).withdraw_frames(["f033"], why="consent")[0] == 1
    return data


def everything(client: MetadataClient) -> dict[str, Any]:
    """What can be seen of the dataset and its views, but ids of records."""
    dataset = Dataset.get("clinic/cells", client=client)
    versions = DatasetVersion.get_versions("clinic/cells", client=client)
    views = [DataView.get(name=name, client=client) for name in ("cells-in-order", "cells-at-random", "alike")]
    return {
        "dataset": (dataset.id, dataset.tags, dataset.description, dataset.metadata, dataset.gate),
        "versions": [
            (each.id, each.name, each.published, each.digest, each.frame_count, each.annotated_count, each.parents,
             each.comment, each.get_metadata(), each.site_counts())
            for each in versions
        ],
        "frames": {each.name: [frame.plain for frame in each.frames(order_by="id")] for each in versions},
        "queries": [each.count(frame_query="meta.n:>20", roi_query="red") for each in versions],
        "vectors": [[(f.id, value) for f, value in each.nearest("clip", to=[5.0, 1.0], k=7)] for each in versions],
        "views": [(each.id, each.digest, each.site_counts, each.withdrawn) for each in views],
        "orders": [[frame.id for frame in view] for view in views],
        "verified": [each.verify()[0] for each in views],
        "diff": versions[0].diff(versions[3]).frames,
    }  # fmt: skip


def test_all_that_can_be_proven_is_the_same_there(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, target = tmp_path / "cells.hde", tmp_path / "b"
    with serving(source) as client:
        assert run(["admin", "export", str(source), "clinic/cells", str(file)]) == 0
        before = everything(client)
    assert before["verified"] == [True] * 3
    assert "200 revisions, 3 views; signed with key" in capsys.readouterr().out
    assert run(["admin", "import", str(target), str(file), "--json"]) == 0
    told = orjson.loads(capsys.readouterr().out)
    assert (told["versions"], told["withdrawn"], told["views"]) == (
        4,
        1,
        ["cells-in-order", "cells-at-random", "alike"],
    )
    assert run(["admin", "check", str(target)]) == 0
    with serving(target) as client:
        assert everything(client) == before
        draft = DatasetVersion.get_version(dataset_name="cells", version_name="both", client=client)
        (failed,) = draft.add_frames([made(33)])
        assert failed.reason == "FRAME_WITHDRAWN"
        draft.add_frames([made(500)])
        draft.publish_version()
    assert run(["admin", "check", str(target)]) == 0


def test_it_can_be_moved_on_and_back(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Deleted where it came from, it comes back from where it went, and the first signature is carried along."""
    first, second = tmp_path / "1.hde", tmp_path / "2.hde"
    with serving(source) as client:
        before = everything(client)
    assert run(["admin", "export", str(source), "cells", str(first)]) == 0
    assert run(["admin", "import", str(tmp_path / "b"), str(first)]) == 0
    assert run(["admin", "export", str(tmp_path / "b"), "cells", str(second)]) == 0
    assert origins(tmp_path / "b") == records(source)
    assert run(["admin", "import", str(source), str(second)]) == 5
    assert "this dataset is here already, as `clinic/cells`" in capsys.readouterr().err
    with serving(source) as client:
        for name in ("cells-in-order", "cells-at-random", "alike"):
            DataView.get(name=name, client=client).delete(force=True)
        Dataset.delete("cells", delete_all_versions=True, force=True, client=client)
    assert run(["admin", "import", str(source), str(second)]) == 0
    assert run(["admin", "check", str(source)]) == 0
    with serving(source) as client:
        assert everything(client) == before
    assert origins(source) == records(source)


def test_names_that_are_taken_are_told(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, target = tmp_path / "cells.hde", tmp_path / "b"
    assert run(["admin", "export", str(source), "cells", str(file)]) == 0
    assert run(["admin", "export", str(source), "cells", str(file)]) == 5
    assert "is there already; choose another name" in capsys.readouterr().err
    with serving(target) as client:
        Dataset.create("cells", dataset_project="clinic", client=client)
        other = DatasetVersion.get_current("cells", client=client)
        other.add_frames([made(1)])
        view = DataView("alike", client=client)
        view.add_query(dataset_name="cells", version_name="Current")
        view.store()
    assert run(["admin", "import", str(target), str(file)]) == 5
    assert "there is another dataset `clinic/cells`; give this one a name with `--name`" in capsys.readouterr().err
    assert run(["admin", "import", str(target), str(file), "--name", "clinic/moved"]) == 5
    assert "there is another view `alike`; rename it, or leave views out with `--no-views`" in capsys.readouterr().err
    assert run(["admin", "import", str(target), str(file), "--name", "clinic/moved", "--no-views"]) == 0
    with serving(target) as client:
        assert {each.name for each in Dataset.list(client=client)} == {"cells", "moved"}
        moved = DatasetVersion.get_version(dataset_name="moved", version_name="v1", client=client)
        assert moved.count(roi_query="cell") == 99
    assert run(["admin", "check", str(target)]) == 0


def test_what_was_withdrawn_here_is_erased_from_what_comes_back(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "cells.hde"
    assert run(["admin", "export", str(source), "cells", str(file)]) == 0
    with serving(source) as client:
        assert Dataset.get("cells", client=client).withdraw_frames(["f060"], why="consent")[0] == 3
        for name in ("cells-in-order", "cells-at-random", "alike"):
            DataView.get(name=name, client=client).delete(force=True)
        Dataset.delete("cells", delete_all_versions=True, force=True, client=client)
    assert run(["admin", "import", str(source), str(file)]) == 0
    with serving(source) as client:
        version = DatasetVersion.get_version(dataset_name="cells", version_name="v1", client=client)
        assert version.frame_count == 100
        assert version.count(frame_query="id:(f060 OR f033)") == 0
        view = DataView.get(name="cells-in-order", client=client)
        assert view.verify()[0]
    assert run(["admin", "check", str(source)]) == 0


def test_a_running_service_is_not_imported_into(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cells.hde"
    assert run(["admin", "export", str(source), "cells", str(file)]) == 0
    with serving(tmp_path / "b"):
        assert run(["admin", "import", str(tmp_path / "b"), str(file)]) == 5
    assert "stop that first" in capsys.readouterr().err


def test_nothing_is_made_for_what_is_no_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.hde"
    other.write_bytes(b"something else")
    assert run(["admin", "import", str(tmp_path / "b"), str(other)]) == 1
    assert run(["admin", "import", str(tmp_path / "b"), str(tmp_path / "missing.hde")]) == 3
    assert "is no exported dataset" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_large_contents_are_written_as_they_come(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_import, "_HELD", 1_000)
    assert run(["admin", "export", str(source), "cells", str(tmp_path / "cells.hde")]) == 0
    assert run(["admin", "import", str(tmp_path / "b"), str(tmp_path / "cells.hde")]) == 0
    assert run(["admin", "check", str(tmp_path / "b")]) == 0


def cut(at: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * at)]


def flipped(at: float) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[int(len(content) * at)] ^= 4
        return bytes(changed)

    return change


def edited(of: Callable[[list[Any]], list[Any]]) -> Callable[[bytes], bytes]:
    """A file that someone wrote by hand, with an end that fits."""

    def change(content: bytes) -> bytes:
        text = zstandard.ZstdDecompressor().stream_reader(BytesIO(content)).read()
        lines = of([orjson.loads(line) for line in text.splitlines()][:-1])
        body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        end = {"kind": "end", "lines": len(lines), "blake3": blake3(body).hexdigest()}
        return zstandard.ZstdCompressor().compress(body + orjson.dumps(end) + b"\n")

    return change


def every(kind: str, **changes: Any) -> Callable[[bytes], bytes]:
    return edited(lambda lines: [line | changes if line["kind"] == kind else line for line in lines])


def without(kind: str) -> Callable[[bytes], bytes]:
    return edited(lambda lines: [line for line in lines if line["kind"] != kind])


DAMAGES = [
    (cut(0), "is no exported dataset"),
    (cut(0.5), "is cut or damaged"),
    (lambda content: content[:-10], "is cut or damaged"),
    (flipped(0.3), "is cut or damaged"),
    (flipped(0.99), "is cut or damaged"),
    (lambda content: content + content, "is cut or damaged"),
    (lambda _: b"PK\3\4 a zip", "is no exported dataset"),
    (lambda _: zstandard.ZstdCompressor().compress(b'{"kind": "frame"}\n'), "is no exported dataset"),
    (edited(lambda lines: [lines[0] | {"format": 9}, *lines[1:]]), "has format 9; this software reads 1"),
    (edited(lambda lines: [lines[0] | {"dataset": "../../../x"}, *lines[1:]]), "is not as the format says"),
    (edited(lambda lines: [*lines[:5], *lines[6:]]), "revision 3 is missing"),
    (every("revision", frame="{}"), "is not that of its digest"),
    (without("withdrawal"), "^$"),
    (without("dataset"), "is not as the format says|what was to be stored does not fit"),
    (every("version", digest="sha256:0"), "is not what was signed"),
    (every("version", leaves=[]), "does not add up"),
    (every("version", frames=3), "does not add up"),
    (every("version", added="AAAA"), "does not add up"),
    (every("version", record={"payload": "{}", "signature": "AAAA"}), "is not as it was signed"),
    (every("view", selections=[]), "does not add up"),
    (every("view", orders=None), "does not add up"),
    (every("view", orders="UEsDBA=="), "does not add up"),
    (every("vector", value="AAAA"), "does not add up"),
    (every("vector", field="other"), "is not as the format says"),
]


@pytest.mark.parametrize("number", range(len(DAMAGES)))
def test_a_damaged_file_leaves_nothing_behind(
    exported: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str], number: int
) -> None:
    damage, told = DAMAGES[number]
    file, target = tmp_path / "damaged.hde", tmp_path / "b"
    file.write_bytes(damage(exported))
    with serving(target):
        pass
    code = run(["admin", "import", str(target), str(file)])
    error = capfd.readouterr().err
    if told == "^$":
        assert code == 0
        return
    assert code == 1
    assert "Traceback" not in error
    assert re.search(told, error), error
    assert run(["admin", "check", str(target)]) == 0
    with closing(sqlite3.connect(target / "metadata.db")) as connection:
        for table in ("datasets", "blocks", "keys", "versions", "views", "records", "vectors", "withdrawn", "origins"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("exported")
    filled(folder / "a")
    assert run(["admin", "export", str(folder / "a"), "cells", str(folder / "cells.hde")]) == 0
    return (folder / "cells.hde").read_bytes()


def test_the_format_is_as_its_page_says(exported: bytes) -> None:
    text = (Path(__file__).parents[2] / "docs" / "moving-datasets.md").read_text()
    said = {
        kind: set(re.findall(r"`(\w+)`", keys))
        for kind, keys in re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, re.MULTILINE)
    }
    lines = [
        orjson.loads(line) for line in zstandard.ZstdDecompressor().stream_reader(BytesIO(exported)).read().splitlines()
    ]
    for line in lines:
        assert line.keys() - {"kind"} <= said[line["kind"]]
    for kind, names in said.items():
        text = orjson.dumps([line for line in lines if line["kind"] == kind]).decode()
        assert [name for name in names if f'"{name}"' not in text] == []
    assert [line["kind"] for line in lines] == sorted((line["kind"] for line in lines), key=[*said].index)


CARRIED = {  # table -> what its lines are called otherwise, or do not need
    "datasets": {*exports.DATASET, "body_json", "generation"},
    "versions": {*exports.VERSION, "dataset", "parents_json", "body_json", "added", "removed", "generation"},
    "views": {*exports.VIEW, "published", "spec_json", "pinned_json", "body_json", "generation"},
    "vector_fields": {*exports.FIELD, "id", "dataset", "erased"},
    "check_reports": {*exports.REPORT, "number", "results_json"},
    "leaves": {"version", "site", "count", "state"},
    "blocks": {
        "dataset",
        "first",
        "count",
        "saved_ms",
        "saved_in",
        "saved_by",
        "heads",
        "digests",
        "payload",
        "digits",
        "seal",
    },
    "keys": {"dataset", "first", "count", "mark", "hashes", "revisions", "packed"},
    "attachments": {"dataset", "revision", "blob", "previews_json"},
    "vectors": {"number", "field", "revision", "value"},
    "check_gates": {"dataset", "checks", "set_by", "set_ms"},
    "withdrawals": {"number", "id", "dataset", "frame_ids_json", "why", "withdrawn_by", "withdrawn_ms"},
    "withdrawn": {"dataset", "revisions"},
    "view_versions": {"view", "version"},
    "view_sites": {"view", "site", "count", "digest"},
    "selections": {"view", "site", "rule", "dataset", "revisions"},
    "view_orders": {"view", "tables"},
    "records": {"sequence", "kind", "subject", "digest", "payload", "signature"},
    "origins": {"kind", "subject", "key", "payload", "signature"},
}
STAYS = {
    "settings", "requests", "sites", "reports", "users", "tokens", "experiments", "experiment_sites",
    "experiment_views", "metrics", "uploads",
}  # fmt: skip


def test_no_table_and_no_column_is_forgotten(source: Path) -> None:
    with closing(sqlite3.connect(source / "metadata.db")) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} for table in CARRIED}
    assert {name for name in tables if not name.startswith("sqlite_")} == CARRIED.keys() | STAYS
    assert columns == CARRIED


def records(data: Path) -> set[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / "metadata.db")) as connection:
        return set(connection.execute("SELECT kind, subject, payload, signature FROM records"))


def origins(data: Path) -> set[tuple[Any, ...]]:
    with closing(sqlite3.connect(data / "metadata.db")) as connection:
        return set(connection.execute("SELECT kind, subject, payload, signature FROM origins"))
