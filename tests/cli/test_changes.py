"""Commands that change what is stored: data views, metadata of datasets, records of experiments, roles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hyperdatasets
from hyperdatasets import testing
from hyperdatasets.cli.main import run
from hyperdatasets.client.config import home, load
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.query_warnings import QueryWarning
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig, NotFound

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def service(tmp_path: Path) -> Iterator[None]:
    with testing.deployment(tmp_path):
        draft = DatasetVersion.create_new_dataset("cells", dataset_project="clinic")
        draft.write([{"id": f"f{n}", "sources": [{"uri": f"u/{n}"}], "meta": {"n": n}} for n in range(3)])
        draft.publish_version("v1")
        yield


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def told(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return told


def specification(path: Path, query: str, **more: object) -> str:
    rule = {"dataset": "clinic/cells", "version": "v1", "frame_query": query}
    path.write_text(json.dumps({"name": "few", "rules": [rule]} | more))
    return str(path)


def test_a_view_is_edited_renamed_moved_and_deleted(said: Said, tmp_path: Path) -> None:
    first = specification(tmp_path / "first.yaml", "meta.n:0", output_rois="only_filtered")
    second = specification(tmp_path / "second.yaml", "meta.n:>0")
    assert said("view", "create", first)[0] == 0
    assert said("view", "edit", "few", second, "--rename", "more")[0] == 0
    view = DataView.get(name="more")
    assert [frame.id for frame in view] == ["f1", "f2"]
    assert "output_rois" not in view.spec
    assert said("view", "move", "more", "clinic/blood")[0] == 0
    assert [each.name for each in DataView.list(project="clinic/blood")] == ["more"]
    assert said("view", "publish", "more")[0] == 0
    code, _, err = said("view", "edit", "more", first)
    assert (code, "clone it" in err) == (5, True)
    code, _, err = said("view", "edit", "more")
    assert (code, "say what changes" in err) == (1, True)
    code, _, err = said("view", "delete", "more")
    assert (code, "with `--force`" in err) == (5, True)
    assert said("view", "delete", "more", "--force")[0] == 0
    with pytest.raises(NotFound):
        DataView.get(name="more")


def test_a_view_that_cannot_be_published_leaves_nothing(said: Said, tmp_path: Path) -> None:
    wrong = specification(tmp_path / "view.yaml", "saved:*")
    code, _, err = said("view", "create", wrong, "--publish")
    assert (code != 0, "differs between deployments" in err) == (True, True)
    right = specification(tmp_path / "view.yaml", "meta.n:0")
    assert said("view", "create", right, "--publish")[0] == 0


def test_metadata_of_a_dataset(said: Said) -> None:
    assert said("dataset", "metadata", "clinic/cells", "--set", '{"stain": "giemsa"}', "--description", "blood")[0] == 0
    code, out, _ = said("dataset", "metadata", "clinic/cells", "--json")
    assert (code, json.loads(out)) == (0, {"description": "blood", "metadata": {"stain": "giemsa"}})
    assert Dataset.get("clinic/cells").metadata == {"stain": "giemsa"}


def test_what_was_archived_is_listed_if_asked_for(said: Said, tmp_path: Path) -> None:
    assert said("view", "create", specification(tmp_path / "view.yaml", "*"))[0] == 0
    Experiment.start("clinic/run").close()
    for kind, name in (("view", "few"), ("experiment", "run")):
        assert said(kind, "archive", name)[0] == 0
        assert name not in said(kind, "list")[1]
        assert name in said(kind, "list", "--archived")[1]


def test_a_version_that_is_renamed_must_be_named(said: Said) -> None:
    assert "default" not in said("version", "rename", "--help")[1]


def test_an_experiment_is_deleted(said: Said) -> None:
    made = Experiment.start(project="clinic", name="run")
    made.set_state("completed")
    assert said("experiment", "delete", made.id)[0] == 0
    assert Experiment.list(project="clinic") == []


def test_a_role_that_does_not_exist(said: Said) -> None:
    code, _, err = said("user", "add", "ann", "--role", "boss")
    assert code == 1
    assert "role: there is no role `boss`; expected viewer, editor, runner, admin, or an empty one for none" in err


def test_a_command_that_does_not_exist_is_suggested_once(said: Said) -> None:
    assert said("datset", "list")[2].count("Did you mean") == 1
    assert said("view", "publsh", "x")[2].count("Did you mean") == 1


def test_sorting_by_an_unknown_field_is_told() -> None:
    version = DatasetVersion.get_version(dataset_name="clinic/cells")
    with pytest.warns(QueryWarning, match="order_by: meta.m: no frame has such a field. Did you mean meta.n"):
        assert len(list(version.frames(order_by="-meta.m"))) == 3


def test_sorting_by_an_unknown_field_is_refused_with_the_nearest_names(said: Said) -> None:
    draft = DatasetVersion.create_new_dataset("cars", dataset_project="clinic")
    frame = {"id": "f", "sources": [{"uri": "u"}], "annotations": [{"labels": ["car"]}], "meta": {"city": "ulm"}}
    assert not draft.write([frame])
    for field, meant in (("lable", "rois.label"), ("-meta.citty", "meta.city"), ("citi", "meta.city")):
        for how in ((), ("--json",)):
            code, out, err = said("frames", "find", "clinic/cars", "--order-by", field, *how)
            assert (code, out.count("car")) == (1, 0)
            assert f"--order-by {field.removeprefix('-')}: no frame has such a field. Did you mean {meant}?" in err
            assert err.count("Did you mean") == 1
    assert said("frames", "find", "clinic/cars", "--order-by", "-meta.city")[0] == 0
    with pytest.warns(QueryWarning, match=r"did you mean rois\.label\?") as told:
        assert said("frames", "find", "clinic/cars", "--query", "lable:x")[0] == 0
    assert len(told) == 1


def test_a_schema_has_headed_columns(said: Said) -> None:
    draft = DatasetVersion.create_new_dataset("cars", dataset_project="clinic")
    assert not draft.write([
        {"id": f"f{n}", "sources": [{"uri": "u"}], "meta": {"n": n % 2, **({} if n else {"rare": "y"})},
         "annotations": [{"labels": ["car"], "id": f"{n}-{each}"} for each in range(2)]}
        for n in range(8)
    ])  # fmt: skip
    code, out, _ = said("dataset", "schema", "clinic/cars")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert lines["field"].split("  ")[0] == "field"
    assert [each.strip() for each in lines["field"].split("  ") if each.strip()] == [
        "field",
        "types",
        "frames",
        "coverage",
        "distinct",
        "top values (how often)",
    ]
    assert lines["meta.n"].split() == ["meta.n", "integer", "8", "100%", "2", "0", "(4),", "1", "(4)"]
    assert lines["rois.id"].split() == ["rois.id", "string", "8", "100%", "16", "(all", "different)"]
    assert lines["meta.rare"].split() == ["meta.rare", "string", "1", "12.5%", "1", "y", "(1)"]


def test_a_version_is_its_frames() -> None:
    version = DatasetVersion.get_version(dataset_name="clinic/cells")
    assert (len(version), bool(version), [frame.id for frame in version]) == (3, True, ["f0", "f1", "f2"])
    assert version["f1"].meta == {"n": 1}
    with pytest.raises(NotFound, match="no frame `f9`"):
        version["f9"]
    assert len(DatasetVersion.create_new_dataset("empty")) == 0
    assert bool(DatasetVersion.get_version(dataset_name="empty"))


def test_yaml_is_text_or_a_file(tmp_path: Path) -> None:
    path = specification(tmp_path / "view.yaml", "meta.n:0")
    specs = [DataView.from_yaml(given).spec for given in (path, Path(path), Path(path).read_text())]
    assert specs[0] == specs[1] == specs[2]
    with pytest.raises(NotFound, match=r"there is no file nothing\.yaml"):
        DataView.from_yaml("nothing.yaml")


def test_the_package_shows_its_names() -> None:
    assert dir(hyperdatasets) == sorted(hyperdatasets.__all__)


def test_settings_that_cannot_be_read_are_named_with_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setenv("HYPERDATASETS_HOME", str(tmp_path / "home"))
    path = home({"HYPERDATASETS_HOME": str(tmp_path / "home")}) / "client.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    wrong = ["service = 5", "token = 5", "service = 'host'", "node = 'a:1, b'"]
    for text in ('servce = "x"\n', "timeout_s = 'soon'\n", "= 5", *wrong):
        path.write_text(text)
        with pytest.raises(InvalidConfig, match=r"client\.toml: "):
            load()


@pytest.fixture
def mine(said: Said) -> DatasetVersion:
    assert said("dataset", "create", "home/mine")[0] == 0
    draft = DatasetVersion.get_current("home/mine")
    draft.write([{"id": "f0", "blob": b"\x00\xff"}, {"id": "f1", "sources": [{"uri": "u"}], "meta": {"n": 1}}])
    return draft


def test_a_frame_that_was_shown_is_written_back(said: Said, mine: DatasetVersion, tmp_path: Path) -> None:
    file = tmp_path / "frame.json"
    for frame_id in ("f0", "f1"):
        code, out, _ = said("frames", "show", "home/mine", frame_id, "--etag")
        edited = json.loads(out)
        assert code == 0
        assert edited["etag"] == mine.get_frame(frame_id).etag
        edited["meta"] = {"edited": True}
        file.write_text(json.dumps(edited))
        assert said("frames", "update", "home/mine", str(file)) == (
            0,
            "0 added, 1 updated, 0 unchanged, 0 failed\n",
            "",
        )
        assert mine.get_frame(frame_id).metadata == {"edited": True}
    assert mine.get_frame("f0").plain["blob"] == b"\x00\xff"


def test_an_update_that_would_be_lost_is_refused(said: Said, mine: DatasetVersion, tmp_path: Path) -> None:
    file = tmp_path / "frames.json"
    file.write_text(said("frames", "find", "home/mine", "--query", "*", "--json", "--etag")[1])
    edits = [each | {"meta": {"who": "me"}} for each in json.loads(file.read_text())]
    mine.update_by_query(frame_query="id:f1", set_meta={"who": "somebody"})
    file.write_text("\n".join(map(json.dumps, edits)))
    code, out, err = said("frames", "update", "home/mine", str(file), "--json")
    assert code == 5
    assert "1 frame was refused (ETAG_MISMATCH)" in err
    assert [each["id"] for each in json.loads(out)["failures"]] == ["f1"]
    assert mine.get_frame("f0").metadata == {"who": "me"}
    assert mine.get_frame("f1").metadata == {"n": 1, "who": "somebody"}
    assert said("frames", "update", "home/mine", str(file))[0] == 5


def test_an_update_by_query_takes_the_etag_of_one_frame(said: Said, mine: DatasetVersion) -> None:
    read = str(mine.get_frame("f1").etag)
    asked = ("frames", "update", "home/mine", "--query", "id:f1", "--etag", read)
    assert said(*asked, "--set-meta", '{"n": 2}') == (0, "1 frame changed\n", "")
    code, _, err = said(*asked, "--set-meta", '{"n": 3}')
    assert (code, f"not {read}: read it again and repeat" in err) == (5, True)
    assert mine.get_frame("f1").metadata == {"n": 2}
    code, _, err = said("frames", "update", "home/mine", "--query", "*", "--etag", read, "--set-meta", '{"n": 3}')
    assert (code, "an etag is that of one frame, and 2 frames match" in err) == (1, True)


@pytest.mark.parametrize(("text", "message"), [
    ("{", "this is no JSON"), ("[1]", "number 1 is not a frame"), ('{"id": "f1"}', "frames show --etag"),
    ('{"id": "f0", "blob": "?", "etag": 0}', "no base64 text"),
])  # fmt: skip
def test_a_file_that_cannot_be_written_back(
    said: Said, mine: DatasetVersion, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "frame.json").write_text(text)
    code, _, err = said("frames", "update", "home/mine", str(tmp_path / "frame.json"))
    assert (code, message in err) == (1, True)
    code, _, err = said("frames", "update", "home/mine", str(tmp_path / "frame.json"), "--query", "*")
    assert (code, "either a file or a query" in err) == (1, True)
    assert said("frames", "update", "home/mine", str(tmp_path / "none.json"))[0] == 3
    assert said("frames", "list", "home/mine", "--etag")[0] == 1
    assert mine.get_frame("f1").metadata == {"n": 1}


def test_an_edit_without_a_change_names_the_options(said: Said) -> None:
    draft = DatasetVersion.create_new_dataset("p/nothing")
    code, _, err = said("frames", "update", "p/nothing", "--query", "*")
    assert (code, "`--add-label`, `--remove-label`, `--relabel` or `--set-meta`" in err) == (1, True)
    with pytest.raises(InvalidArgument, match="`add_labels`, `remove_labels`, `relabel` or `set_meta`"):
        draft.update_by_query(frame_query="*")
