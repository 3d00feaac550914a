"""A property: a folder that did not change is registered again without a change, whatever is in it."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from PIL import Image

from hyperdatasets.client.registering import ledger_of
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.v1 import node_service_pb2 as pb
from tests.node.conftest import SiteUnderTest
from tests.reference.properties import examples

_NAMES = st.sampled_from(["a", "b", "ä b", "C#1", "d%20", "e;f"])
_FOLDERS = st.sampled_from(["", "train/", "cat/", "train/dog/", "images/"])
_DOCUMENTS = st.lists(st.sampled_from(["Ada", "Bob", "Chloé"]), min_size=1, max_size=3)
_CELLS = st.sampled_from(["p1", "p2", "5", "5.0", "007", "NA", ""])
_TIMES = st.sampled_from(["2024-01-02", "2024-01-02T03:04:05", "7", "", "soon"])
_number = count()


@st.composite
def folders(draw: st.DrawFn) -> dict[str, bytes | str | tuple[int, int]]:
    """Path -> content: bytes, a text, or the size of a picture."""
    made: dict[str, bytes | str | tuple[int, int]] = {}
    for place in draw(st.lists(st.tuples(_FOLDERS, _NAMES), min_size=1, max_size=4, unique=True)):
        kind = draw(st.sampled_from(["picture", "masked", "sidecar", "text", "bytes"]))
        path = "".join(place)
        if kind == "text":
            names = draw(_DOCUMENTS)
            made[f"{path}.conll"] = "".join(f"-DOCSTART- O\n\n{name} B-PER\nruns O\n\n" for name in names)
        elif kind == "bytes":
            made[f"{path}.bin"] = b"\0\1\2"
        else:
            made[f"{path}.png"] = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
        if kind == "masked":
            made[f"{path}_mask.png"] = made[f"{path}.png"]
        if kind == "sidecar":
            made[f"{path}.png.json"] = '{"labels": ["x"], "meta": {"n": 1}}'
    return made


def written(folder: Path, content: dict[str, bytes | str | tuple[int, int]]) -> None:
    for path, each in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(each, tuple):
            Image.new("RGB", each).save(folder / path)
        else:
            (folder / path).write_bytes(each.encode() if isinstance(each, str) else each)


@pytest.mark.slow
@examples(20, derandomize=True, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(folders(), st.data())
def test_a_folder_that_did_not_change_changes_nothing(site: SiteUnderTest, content: dict, data: st.DataObject) -> None:
    name = f"f{next(_number)}"
    folder = site.data / name
    written(folder, content)
    files = data.draw(st.lists(st.sampled_from(sorted(content)), unique=True))
    rows = [f"{name}/{file},{data.draw(_CELLS)},{data.draw(_TIMES)}" for file in files]
    (site.data / f"{name}.csv").write_text("\n".join(["file,patient,taken", *rows]) + "\n")
    columns = {"columns_file": f"{name}.csv", "context_column": "patient", "timestamp_column": "taken"}

    layout = data.draw(st.sampled_from(["masks", "conll", "files", "imagefolder"]))

    def register(**more: object) -> Ledger:
        request = pb.RegisterRequest(path=f"scans/{name}", dataset=f"clinic/{name}", format=layout, **more)
        return ledger_of(site.reader.register(request))

    def frames() -> list[dict]:
        draft = DatasetVersion.get_current(f"clinic/{name}", client=site.client)
        return sorted((frame.to_plain() for frame in draft.frames()), key=lambda frame: frame["id"])

    bare = data.draw(st.booleans())
    ids = set()
    if bare:  # the table comes later
        register()
        ids = {frame["id"] for frame in frames()}
    first = register(**columns)
    before = frames()
    if bare:
        assert {frame["id"] for frame in before} == ids
    for more in (columns, {}, {"prune": True}):
        ledger = register(**more)
        expected = {"added": 0, "updated": 0, "unchanged": first.kept["frames"]}
        assert ledger.frames == expected, (more, [str(note) for note in ledger.notes])
        assert frames() == before
        assert ledger.kept["frames"] == first.kept["frames"]


@pytest.mark.parametrize("names", [("Ada", "Bob"), ("Ada", "Ada"), ("Ada",)])
def test_documents_have_ids_of_their_own(site: SiteUnderTest, names: tuple[str, ...]) -> None:
    written(site.data / "t", {"a.conll": "".join(f"-DOCSTART- O\n\n{each} B-PER\nruns O\n\n" for each in names)})
    request = pb.RegisterRequest(path="scans/t", dataset="clinic/t")
    assert ledger_of(site.reader.register(request)).frames["added"] == len(names)
    assert ledger_of(site.reader.register(request)).frames["unchanged"] == len(names)
