"""Commands as a person types them, against a real service: what is printed, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image

import hyperdatasets as hd
from hyperdatasets.cli import output
from hyperdatasets.cli.lazy import LazyCommand
from hyperdatasets.cli.main import app, run
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment, UnpinnedWarning
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.v1.site_service_pb2 import HeartbeatRequest
from metadata_service.server import Service
from node import keys
from tests.node.conftest import SiteUnderTest, made


@pytest.fixture(autouse=True)
def at_service(service: Service, client: MetadataClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HYPERDATASETS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HYPERDATASETS_SERVICE", service.address)
    monkeypatch.setenv("COLUMNS", "200")
    use(client)


def ok(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = run(list(arguments))
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return captured.out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (8, 8), number).save(tmp_path / "pets" / label / f"{number}.png")
    return tmp_path / "pets"


@pytest.mark.parametrize("arguments", [["--version"], ["--debug", "--version"], ["dataset", "list", "--version"]])
def test_the_version_is_printed_wherever_it_stands(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert ok(capsys, *arguments) == f"{hd.__version__}\n"


def test_ids_are_never_cut(capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ok(capsys, "import", str(folder), "--dataset", "home/pets")
    frame = next(iter(DatasetVersion.get_current("home/pets").frames()))
    monkeypatch.setenv("COLUMNS", "40")
    (line,) = [each for each in ok(capsys, "frames", "list", "home/pets").splitlines() if frame.id in each]
    assert frame.plain["sources"][0]["uri"] in line
    monkeypatch.setattr(output.console, "_force_terminal", True)
    shown = ok(capsys, "frames", "list", "home/pets")
    assert frame.id in shown
    assert "…" not in shown
    assert json.loads(ok(capsys, "frames", "show", "home/pets", frame.id[:12]))["id"] == frame.id
    assert run(["frames", "show", "home/pets", "ffff0000"]) == 3


def test_import_query_version_and_view(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    assert "added: 6" in ok(capsys, "import", str(folder), "--dataset", "home/pets")
    assert "unchanged: 6" in ok(capsys, "import", str(folder), "--dataset", "home/pets")
    assert "home/pets" in ok(capsys, "dataset", "list", "--project", "home")
    assert "3 frames match" in ok(capsys, "frames", "find", "home/pets", "--query", "rois.label:cat")
    assert "3 frames changed" in ok(
        capsys, "frames", "update", "home/pets", "--roi-query", "dog", "--relabel", "dog=hound"
    )
    snapshot = json.loads(ok(capsys, "version", "snapshot", "home/pets", "--name", "v1", "--json"))
    assert (snapshot["frames"], snapshot["state"]) == (6, "published")
    ok(capsys, "frames", "delete", "home/pets", "--query", "rois.label:cat")
    assert "3 removed" in ok(capsys, "version", "diff", "home/pets", "v1", "Current")
    assert "v1: 6 frames" in ok(capsys, "version", "tree", "home/pets")
    counts = json.loads(ok(capsys, "version", "stats", "home/pets", "rois.label", "v1", "--json"))["counts"]
    assert counts == {"cat": 3, "hound": 3}
    assert len(ok(capsys, "version", "export", "home/pets", "v1").splitlines()) == 6
    view = tmp_path / "view.yaml"
    view.write_text(
        "name: cats\nversions: [{dataset: home/pets, version: v1}]\nrules: [{frame_query: 'rois.label:cat'}]\n"
    )
    made = json.loads(ok(capsys, "view", "create", str(view), "--publish", "--json"))
    assert made["reference"].startswith("cats@sha256:")
    assert "3 frames in all" in ok(capsys, "view", "resolve", "cats")
    assert "the same frames" in ok(capsys, "view", "verify", "cats")
    assert len(ok(capsys, "view", "export", "cats").splitlines()) == 3
    coco = json.loads(ok(capsys, "view", "export", "cats", "--format", "coco"))
    assert len(coco["images"]) == 3
    ok(capsys, "view", "clone", "cats", "dogs")
    assert "0 frames only in cats" in ok(capsys, "view", "compare", "cats", "dogs")


CODES = [
    (3, ["dataset", "show", "nothing"], "there is no dataset `nothing`"),
    (3, ["import", "/nowhere", "--dataset", "x"], "there is no folder"),
    (1, ["dataset", "create", "a/.."], "mean folders"),
    (1, ["import", ".", "--dataset", "x", "--format", "vok"], "Did you mean voc"),
    (2, ["dataset", "lst"], "No such command"),
    (2, ["dataset", "list", "--nonsense"], "No such option"),
    (3, ["view", "create", "nothing.yaml"], "there is no file"),
    (1, ["--service", "nonsense", "dataset", "list"], "expected host:port"),
    (6, ["--service", "127.0.0.1:1", "dataset", "list"], "cannot be reached"),
    (1, ["node", "serve", "/tmp/nowhere"], "hyperdatasets node init"),
    (1, ["node", "audit", "/tmp/nowhere"], "hyperdatasets node init"),
    (1, ["node", "audit", "/tmp/nowhere", "--verify"], "hyperdatasets node init"),
    (1, ["node", "policy", "check", "/tmp/nowhere"], "hyperdatasets node init"),
]


@pytest.mark.parametrize(("code", "arguments", "message"), CODES)
def test_mistakes(capsys: pytest.CaptureFixture[str], code: int, arguments: list[str], message: str) -> None:
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert message in captured.err + captured.out
    assert "Traceback" not in captured.err


def test_existing_and_conflicting(capsys: pytest.CaptureFixture[str]) -> None:
    ok(capsys, "dataset", "create", "a/b")
    assert run(["dataset", "create", "a/b"]) == 5
    assert "already" in capsys.readouterr().err
    for wrong, message in (
        (["frames", "list", "a/b", "--limit", "-5"], "not negative"),
        (["frames", "update", "a/b", "--set-meta", "{bad"], "not JSON text"),
        (["frames", "update", "a/b", "--relabel", "cat"], "expected name=value"),
        (["frames", "delete", "a/b"], "give frame ids or a query"),
    ):
        assert run(wrong) == 1
        assert message in capsys.readouterr().err
    assert run(["frames", "find", "a/b", "--query", "meta.x:("]) == 1
    assert "position 8" in capsys.readouterr().err


def test_a_site_from_add_to_audit(
    capsys: pytest.CaptureFixture[str], service: Service, client: MetadataClient, tmp_path: Path, folder: Path
) -> None:
    token = json.loads(ok(capsys, "site", "add", "ward", "--project", "clinic", "--json"))["token"]
    node = str(tmp_path / "ward")
    ok(capsys, "node", "init", node, "--site", "ward", "--service", service.address, "--root", f"scans={folder}")
    out = ok(capsys, "node", "enrol", node, "--token", token)
    fingerprint = out.partition("fingerprint ")[2].split()[0]
    ok(capsys, "site", "approve", "ward", "--fingerprint", fingerprint)
    assert "approved" in ok(capsys, "site", "list")
    assert json.loads(ok(capsys, "site", "show", "ward", "--json"))["last_seen"] is None
    credential = keys.load(tmp_path / "ward").credential
    MetadataClient(ClientConfig(service=service.address, token=credential)).send(HeartbeatRequest(frame_count=3))
    assert "last_seen: 20" in ok(capsys, "site", "show", "ward")
    assert "nothing is served" in ok(capsys, "node", "policy", "check", node)
    (tmp_path / "ward" / "policy.toml").write_text(
        '[[allow]]\ndatasets = ["clinic/pets"]\nprincipals = ["trainer"]\npurposes = ["research"]\n'
    )
    assert "trainer may read clinic/pets for research" in ok(capsys, "node", "policy", "check", node)
    policy = Path(node) / "policy.toml"
    policy.write_text(policy.read_text() + "expires = 2024-01-01\n")
    assert "(it has expired, and allows nothing)" in ok(capsys, "node", "policy", "check", node)
    ok(capsys, "node", "client", "add", node, "trainer")
    ok(capsys, "node", "client", "revoke", node, "trainer")
    assert "0 lines are whole" in ok(capsys, "node", "audit", node, "--verify")


@pytest.fixture
def running_site(tmp_path: Path, service: Service, client: MetadataClient) -> Iterator[SiteUnderTest]:
    """A node with profile open, whose configuration names the port that it has."""
    site = made(tmp_path, service, client, profile="open")
    with site.node:
        config = site.folder / "node.toml"
        config.write_text(config.read_text().replace("127.0.0.1:0", site.node.address))
        yield site


def test_register_and_status_of_a_running_node(capsys: pytest.CaptureFixture[str], running_site: SiteUnderTest) -> None:
    (running_site.data / "rbc" / "broken.png").write_bytes(b"")
    assert run(["node", "register", str(running_site.folder), "scans", "--dataset", "clinic/cells"]) == 0
    captured = capsys.readouterr()
    assert "added: 12" in captured.out
    assert "rbc/broken.png (the file is empty)" in captured.err
    assert "frames: 12" in ok(capsys, "node", "status", str(running_site.folder))
    assert "registered" in ok(capsys, "node", "audit", str(running_site.folder))


def test_register_takes_the_options_of_the_sdk_and_refuses_the_same(
    capsys: pytest.CaptureFixture[str], running_site: SiteUnderTest
) -> None:
    register = ["node", "register", str(running_site.folder), "scans", "--dataset", "clinic/cells"]
    for wrong in ("0", "-3"):
        assert run([*register, "--limit", wrong]) == 1
        assert "`--limit`: expected a whole number above 0" in capsys.readouterr().err
        with pytest.raises(InvalidArgument, match="`limit`: expected a whole number above 0"):
            hd.register("scans", dataset_name="cells", limit=int(wrong), node=running_site.reader)
    assert "frames: 1 read, 1 kept" in ok(capsys, *register, "--limit", "1", "--dry-run", "--format", "files")
    kept = json.loads(ok(capsys, *register, "--classes", " rbc ,", "--json"))
    secret, looked_at = (running_site.folder / "operator.secret").read_text(), list[int]()
    ledger = hd.register(
        "scans", dataset_name="cells", dataset_project="clinic", node=running_site.reader, operator_secret=secret,
        classes=["rbc"], progress=looked_at.append,
    )  # fmt: skip
    assert kept["added"] == ledger.frames["unchanged"] == looked_at[-1] == 8


@pytest.mark.parametrize("place", ["there", "no folder"])
def test_a_report_that_cannot_be_written_stops_before_anything_is_read(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, place: str
) -> None:
    ok(capsys, "import", str(folder), "--dataset", "home/pets")
    report, code, said = tmp_path / "report.json", 5, "is there already"
    if place == "there":
        report.write_text("mine")
    else:
        report, code, said = tmp_path / "none/report.json", 3, "there is no folder"
    refused = [
        ["import", str(folder), "--dataset", "home/others"],
        ["version", "export", "home/pets", "--output", str(tmp_path / "pets.jsonl")],
        ["node", "register", str(tmp_path / "no node"), "scans", "--dataset", "home/others"],
    ]
    for each in refused:
        assert run([*each, "--report", str(report)]) == code
        captured = capsys.readouterr()
        assert said in captured.err
        assert not captured.out
    assert "home/others" not in ok(capsys, "dataset", "list")
    assert not (tmp_path / "pets.jsonl").exists()
    assert place != "there" or report.read_text() == "mine"


def test_a_report_is_not_written_into_its_export(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    ok(capsys, "import", str(folder), "--dataset", "home/pets")
    out = tmp_path / "out"
    for report in (out, out / "report.json"):
        assert run(["version", "export", "home/pets", "--output", str(out), "--report", str(report)]) == 1
        assert "another place" in capsys.readouterr().err
    assert not out.exists()
    ok(capsys, "version", "export", "home/pets", "--output", str(out), "--report", str(tmp_path / "report.json"))
    assert json.loads((tmp_path / "report.json").read_text())["frames"]["written"] == 6


def test_the_ledger_is_shown_also_where_the_report_fails(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyperdatasets.cli.ledgers.check_free", lambda _path: (tmp_path / "late.json").write_text("x"))
    assert run(["import", str(folder), "--dataset", "home/pets", "--report", str(tmp_path / "late.json")]) == 5
    captured = capsys.readouterr()
    assert "added: 6" in captured.out
    assert "is there already" in captured.err


def test_an_import_shows_how_far_it_is(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    def shown(*arguments: str) -> str:
        assert run(["import", *arguments, "--dataset", "home/pets"]) == 0
        return capsys.readouterr().err

    said = shown(str(folder))
    assert "frames read" in said
    assert said.count("6/6") == 2
    assert "?" not in said
    assert shown(str(folder), "--limit", "4").count("4/4") == 2
    said = shown(str(folder), "--dry-run")
    assert said.count("6/6") == 1
    assert "frames written" not in said
    lines = tmp_path / "frames.jsonl"
    lines.write_text("".join(json.dumps({"sources": [{"uri": f"s3://b/{each}"}]}) + "\n" for each in range(3)))
    said = shown(str(lines))
    assert "3 (" in said
    assert "/s)" in said
    assert "3/3" in said
    assert run(["import", str(tmp_path / "nowhere"), "--dataset", "home/pets"]) == 3
    assert "frames" not in capsys.readouterr().err


def test_a_name_that_no_address_can_hold_is_left_out(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "cat" / "evil\nname.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    assert run(["import", str(folder), "--dataset", "home/pets"]) == 0
    captured = capsys.readouterr()
    assert "added: 6" in captured.out
    assert "files in a folder per label" in captured.out
    assert "control characters" in captured.err


def test_half_of_a_surrogate_pair_is_named_and_the_ledger_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder, report = tmp_path / "data", tmp_path / "report.json"
    folder.mkdir()
    Image.new("L", (8, 8)).save(folder / "a.png")
    (folder / "x.json").write_text(json.dumps({
        "images": [{"id": 1, "file_name": "a.png", "note": "\ud800"}, {"id": 2, "file_name": "\ud800.png"}],
        "categories": [{"id": 1, "name": "\ud800"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}],
    }))  # fmt: skip
    ledger = json.loads(ok(capsys, "import", str(folder), "--dataset", "a/b", "--json", "--report", str(report)))
    assert json.loads(report.read_bytes())["notes"] == ledger["notes"]
    assert ledger["lost"] == {"frames": 1, "boxes": 1, "attributes": 1}
    assert "`\\ud800.png`" in ledger["notes"][0]["detail"]
    assert ledger["added"] == 1


def test_names_of_files_give_the_terminal_no_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    Image.new("L", (8, 8)).save(folder / "a.png")
    (folder / "\x1b[31m\nerror: .png").write_bytes(b"")
    assert run(["import", str(folder), "--dataset", "a/b"]) == 0
    captured = capsys.readouterr()
    assert "\\x1b[31m\\nerror: .png" in captured.err
    assert "\x1b[31m\n" not in captured.out + captured.err
    assert run(["import", f"{folder}\x1b]0;x\x07", "--dataset", "a/b"]) == 3
    assert "\x07" not in capsys.readouterr().err


@pytest.mark.parametrize(("options", "message"), [
    (("--prune", "--limit", "1"), "`--prune`: not together"), (("--classes", " , "), "`--classes`: no label is given"),
    (("--uri-prefix", "not a uri"), "`--uri-prefix`: expected the beginning of a URI"),
])  # fmt: skip
def test_options_of_import_that_would_do_nothing_are_refused(
    capsys: pytest.CaptureFixture[str], folder: Path, options: tuple[str, ...], message: str
) -> None:
    assert run(["import", str(folder), "--dataset", "a/b", *options]) == 1
    assert message in capsys.readouterr().err
    assert run(["dataset", "show", "a/b"]) == 3


def test_an_export_to_a_dash_goes_to_standard_output(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ok(capsys, "import", str(folder), "--dataset", "a/b")
    assert len(ok(capsys, "version", "export", "a/b", "--output", "-").splitlines()) == 6
    assert not (tmp_path / "-").exists()


def test_users(capsys: pytest.CaptureFixture[str]) -> None:
    ok(capsys, "user", "add", "ann", "--role", "editor", "--project", "a")
    assert ok(capsys, "user", "token", "ann").startswith("hd_user_")
    assert "a editor" in ok(capsys, "user", "list")


def test_admin_check_backup_and_rebuild(capsys: pytest.CaptureFixture[str], tmp_path: Path, folder: Path) -> None:
    ok(capsys, "import", str(folder), "--dataset", "home/pets")
    data = str(tmp_path / "service")
    assert "in order" in ok(capsys, "admin", "check", data)
    ok(capsys, "admin", "backup", data, str(tmp_path / "backup"))
    assert "in order" in ok(capsys, "admin", "check", str(tmp_path / "backup"))
    assert run(["admin", "check", str(tmp_path)]) == 3


def test_checks_report_gate_and_exit_codes(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    ok(capsys, "import", str(folder), "--dataset", "home/pets")
    checks = tmp_path / "checks.yaml"
    checks.write_text("checks:\n- expect: each label >= 3\n- {name: no dog, roi_query: dog, expect: count == 0}\n")
    assert run(["check", "run", "home/pets", str(checks)]) == 7
    assert "FAILED  no dog: 3 frames" in capsys.readouterr().out
    assert "1 of 2 checks failed" in ok(capsys, "check", "show", "home/pets")
    ok(capsys, "check", "gate", "home/pets", str(checks))
    assert "no dog" in ok(capsys, "check", "gate", "home/pets")
    assert run(["version", "publish", "home/pets"]) == 7
    assert "publish with `--force`" in capsys.readouterr().err
    published = json.loads(ok(capsys, "version", "publish", "home/pets", "--force", "--json"))
    assert (published["state"], published["forced"]) == ("published", True)
    assert "published by force" in ok(capsys, "check", "show", "home/pets")
    assert "no gate any more" in ok(capsys, "check", "gate", "home/pets", "--remove")
    checks.write_text("checks:\n- expect: cuont == 0\n")
    assert run(["check", "run", "home/pets", str(checks)]) == 1
    assert "line 2: checks[0].expect" in capsys.readouterr().err
    assert run(["check", "run", "home/pets", str(tmp_path / "nothing.yaml")]) == 3


def test_find_frames_that_are_like_one(capsys: pytest.CaptureFixture[str], client: MetadataClient) -> None:
    Dataset.create("shapes", client=client)
    draft = DatasetVersion.get_current("shapes", client=client)
    draft.add_frames(SingleFrame(f"s3://b/{number}", id=f"f{number}") for number in range(4))
    assert run(["frames", "find", "shapes", "--like", "f0"]) == 1
    assert "--field" in capsys.readouterr().err
    draft.set_vectors("clip", {f"f{number}": [1.0, float(number)] for number in range(3)})
    assert "2 of 3 frames have the vector; by cosine" in ok(capsys, "frames", "find", "shapes", "--like", "f0")
    found = json.loads(
        ok(capsys, "frames", "find", "shapes", "--like", "f0", "--field", "clip", "--limit", "1", "--json")
    )
    assert [each["id"] for each in found] == ["f1"]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each.command if isinstance(each, LazyCommand) else each, (*path, name))
    if path and not hasattr(command, "commands"):
        yield " ".join(path), command


COMMANDS = dict(commands(typer.main.get_command(app)))
SPEAKS_FOR_ITSELF = {"serve", "demo", "node serve"}  # servers, and data as output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_speaks_json(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert [each.name for each in command.params if not getattr(each, "help", "")] == []
    assert ("--json" in {option for each in command.params for option in each.opts}) != (name in SPEAKS_FOR_ITSELF)


def test_changes_answer_in_json_too(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    def answer(*arguments: str) -> Any:
        return json.loads(ok(capsys, *arguments, "--json"))

    ok(capsys, "import", str(folder), "--dataset", "home/pets")
    assert answer("dataset", "tag", "home/pets", "--add", "t")["tags"] == ["t"]
    assert answer("dataset", "rename", "home/pets", "animals")["name"] == "home/animals"
    assert answer("dataset", "move", "home/animals", "zoo")["name"] == "zoo/animals"
    assert answer("dataset", "archive", "zoo/animals")["archived"] is True
    assert answer("dataset", "archive", "zoo/animals", "--undo")["archived"] is False
    assert answer("frames", "update", "zoo/animals", "--roi-query", "cat", "--add-label", "pet")["frames"] == 3
    assert answer("frames", "delete", "zoo/animals", "--query", "rois.label:pet", "--preview")["frames"] == 3
    ok(capsys, "version", "snapshot", "zoo/animals", "--name", "v1")
    assert answer("version", "tree", "zoo/animals")[0]["name"] == "v1"
    assert answer("version", "rename", "zoo/animals", "v1", "first")["name"] == "first"
    ok(capsys, "view", "create", "--name", "all", "--dataset", "zoo/animals", "--version", "first", "--publish")
    assert answer("view", "verify", "all") == {"same": True, "withdrawn": 0, "differences": []}
    assert answer("view", "archive", "all")["archived"] is True
    ok(capsys, "dataset", "create", "zoo/copy")
    assert answer("frames", "copy", "zoo/animals", "zoo/copy", "--from-version", "first")["added"] == 6
    assert answer("version", "revert", "zoo/copy")["frames"] == 0
    assert answer("user", "add", "ann", "--role", "editor")["role"] == "editor"
    assert answer("user", "token", "ann")["token"].startswith("hd_user_")
    assert answer("admin", "check", str(tmp_path / "service")) == {"problems": []}
    with Experiment.start(project="zoo", name="run"):
        pass
    draft = DataView("in progress")
    draft.add_query(dataset_name="zoo/copy", version_name="Current")
    with Experiment.start(project="zoo", name="look") as look, pytest.warns(UnpinnedWarning):
        look.connect(draft, name="train")
    assert answer("experiment", "show", "look")["unpinned"] == {"train": "version `Current` is a draft"}
    assert [each["data"] for each in answer("experiment", "list", "--project", "zoo")] == ["unpinned", ""]
    pinned = answer("experiment", "clone", "look", "--name", "again", "--view", "train=all")
    assert (pinned["data"], pinned["frames"]) == ("pinned", {"train": 6})
    said = ok(capsys, "experiment", "compare", "look", "again")
    assert 'unpinned.train: "version `Current` is a draft" -> null' in said
    for name in ("look", "again"):
        answer("experiment", "archive", name)
    assert answer("experiment", "archive", "run")["archived"] is True
    assert answer("experiment", "list", "--project", "zoo") == []


def test_the_schema_leaves_out_what_says_nothing(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    ok(capsys, "import", str(folder), "--dataset", "home/pets")
    lines = ok(capsys, "dataset", "schema", "home/pets").splitlines()
    assert next(line for line in lines if line.startswith("id ")).rstrip().endswith("(all different)")
    assert "cat (3), dog (3)" in next(line for line in lines if line.startswith("rois.label "))
