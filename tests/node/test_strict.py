"""A strict node: certificates, policy, hidden names; and a centre that cannot be trusted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import orjson
import pytest

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.registering import ledger_of
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import AlreadyExists, HyperdatasetsError, Refused
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.v1 import node_service_pb2 as pb
from metadata_service.catalog.records import Signer
from metadata_service.server import Service
from node import clients
from node import policy as policies
from node.server import Node
from node.tables.matching import NO_ROW
from tests import stored_blocks
from tests.node.conftest import SiteUnderTest, made

POLICY = '[[allow]]\ndatasets = ["clinic/cells"]\nprincipals = ["trainer"]\npurposes = ["research"]\n'


@pytest.fixture
def strict(tmp_path: Path, service: Service, client: MetadataClient) -> Iterator[SiteUnderTest]:
    under_test = made(tmp_path, service, client, profile="strict", publish=("folder_labels",))
    with under_test.node:
        yield under_test


def reader(site: SiteUnderTest, name: str = "trainer") -> NodeClient:
    if name not in clients.active(site.folder):
        clients.add(site.folder, name)
    folder = site.folder / "clients" / name
    return NodeClient(
        site.node.address, ca=str(folder / "ca.pem"), cert=str(folder / "client.pem"), key=str(folder / "client.key")
    )


def register(site: SiteUnderTest, **more: object) -> Ledger:
    request = pb.RegisterRequest(path="scans", dataset="clinic/cells", **more)
    secret = (site.folder / "operator.secret").read_text()
    return ledger_of(reader(site).register(request, operator_secret=secret))


def test_names_of_folders_leave_only_if_they_are_listed(
    tmp_path: Path, service: Service, client: MetadataClient
) -> None:
    """A folder for each patient must not become labels at the centre."""
    site = made(tmp_path, service, client, profile="strict")
    (site.data / "train").mkdir()
    (site.data / "wbc").rename(site.data / "train" / "Miller, John")
    with site.node:
        ledger = register(site)
        draft = DatasetVersion.get_current("clinic/cells", client=client)
        assert b"Miller" not in b"".join(path.read_bytes() for path in (tmp_path / "service").rglob("*.db*"))
        assert all(not frame.annotations and not frame.meta for frame in draft.frames())
        kept = {note.reason: note.weight for note in ledger.notes}
        assert kept["labels from names of folders, kept private; `folder_labels` in publish_fields lets them out"]
        assert kept["splits kept private; `split` in publish_fields lets them out"] == "skipped"
        assert ledger.complete
        snapshot = DatasetVersion.create_snapshot("clinic/cells", publish_name="v1", client=client)
        view = DataView("johns", project="clinic", client=client)
        view.add_rule(dataset="clinic/cells", version=snapshot.name, local_query='folder_labels:"Miller, John"')
        (site.folder / "policy.toml").write_text(POLICY + 'local_columns = ["*"]\n')
        session = reader(site).open(view=view.publish().reference, purpose="research")
        assert len(list(session)) == 4


def test_names_that_files_and_annotations_have_leave_as_opaque_ones(strict: SiteUnderTest, tmp_path: Path) -> None:
    own = {"id": "Miller-1", "labels": ["cat"], "origin": "Miller-model"}
    masks = [{"id": "masks90210", "file_name": "02.png"}]
    frame = {"id": "frame-Miller", "annotations": [own], "masks": masks}
    coco = {"images": [{"id": 1, "file_name": "00.png", "hyperdatasets": frame}],
            "categories": [{"id": 1, "name": "cat"}], "annotations": []}  # fmt: skip
    (strict.data / "x.json").write_bytes(orjson.dumps(coco))
    assert register(strict, format="coco").kept["labels"] == 1
    for folder in ("seg/7/images", "seg/7/masks"):
        (strict.data / folder).mkdir(parents=True)
    for name in ("images/x.png", "masks/Miller-John.png", "masks/2.png"):
        (strict.data / "seg/7" / name).write_bytes((strict.data / "rbc/01.png").read_bytes())
    request = pb.RegisterRequest(path="scans/seg", dataset="clinic/cells", format="masks")
    secret = (strict.folder / "operator.secret").read_text()
    assert ledger_of(reader(strict).register(request, operator_secret=secret)).kept["masks"] == 2
    stored = b"".join(path.read_bytes() for path in (tmp_path / "service").rglob("*.db*"))
    frames = DatasetVersion.get_current("clinic/cells", client=strict.client).frames()
    sent = stored + repr([frame.to_plain() for frame in frames]).encode()
    assert b"Miller" not in sent
    assert b"masks90210" not in sent


def masked(site: SiteUnderTest) -> None:
    for folder in ("images", "masks"):
        (site.data / "seg" / folder).mkdir(parents=True)
        (site.data / "seg" / folder / "x.png").write_bytes((site.data / "rbc/01.png").read_bytes())
    (site.data / "seg" / "class_dict.csv").write_text("name,r,g,b\ntumour of J. Miller,128,0,0\nskin,1,1,1\n")


def register_masks(site: SiteUnderTest, **more: object) -> Ledger:
    request = pb.RegisterRequest(path="scans/seg", dataset="clinic/cells", format="masks", **more)
    return ledger_of(reader(site).register(request, operator_secret=(site.folder / "operator.secret").read_text()))


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_the_colours_of_masks_mean_stays_at_the_site(
    strict: SiteUnderTest, tmp_path: Path, *, dry_run: bool
) -> None:
    masked(strict)
    ledger = register_masks(strict, dry_run=dry_run)
    (note,) = [note for note in ledger.notes if "mask_labels" in note.reason]
    assert (note.weight, note.kind, note.count) == ("skipped", "labels", 2)
    assert ledger.complete
    if not dry_run:
        draft = DatasetVersion.get_current("clinic/cells", client=strict.client)
        assert "mask_labels" not in draft.get_metadata()
    assert b"Miller" not in b"".join(path.read_bytes() for path in (tmp_path / "service").rglob("*") if path.is_file())


def test_what_the_colours_of_masks_mean_leaves_if_it_is_listed(
    tmp_path: Path, service: Service, client: MetadataClient
) -> None:
    site = made(tmp_path, service, client, profile="strict", publish=("mask_labels",))
    masked(site)
    with site.node:
        assert not any("mask_labels" in note.reason for note in register_masks(site).notes)
    listed = DatasetVersion.get_current("clinic/cells", client=client).get_metadata()["mask_labels"]["_all_"]
    assert {"value": [128, 0, 0], "labels": ["tumour of J. Miller"]} in listed


def test_names_of_the_fields_of_a_point_cloud_stay_at_the_site(strict: SiteUnderTest) -> None:
    header = "# .PCD v0.7\nFIELDS x y z miller\nSIZE 4 4 4 4\nTYPE F F F F\nPOINTS 1\nDATA ascii\n0 0 0 0\n"
    (strict.data / "raw" / "a.pcd").write_text(header)
    register(strict)
    draft = DatasetVersion.get_current("clinic/cells", client=strict.client)
    clouds = [frame.to_plain() for frame in draft.frames() if "pcd" in frame.to_plain()["sources"][0]["content_type"]]
    assert clouds[0]["sources"][0]["meta"]["points"] == 1
    assert "miller" not in str(clouds)
    private = strict.node._site.store.private(Dataset.get("clinic/cells", client=strict.client).id).values()
    assert ["x", "y", "z", "miller"] in [each.get("fields") for each in private]


def test_names_stay_hidden_and_nothing_is_served_without_a_policy(strict: SiteUnderTest) -> None:
    register(strict)
    draft = DatasetVersion.get_current("clinic/cells", client=strict.client)
    for frame in draft.frames():
        source = frame.plain["sources"][0]
        assert source["digest"].startswith("hmac-sha256:")
        assert ".png" not in source["uri"]
        assert set(source) == {"id", "uri", "content_type", "width", "height", "size_bytes", "digest"}
    view = strict.published_view()
    with pytest.raises(Refused):
        reader(strict).open(view=view.reference, purpose="research")
    (strict.folder / "policy.toml").write_text(POLICY)
    assert len(list(reader(strict).open(view=view.reference, purpose="research"))) == 12
    for name, purpose in (("trainer", "marketing"), ("other", "research")):
        with pytest.raises(Refused):
            reader(strict, name).open(view=view.reference, purpose=purpose)


def test_registering_takes_the_operators_secret(strict: SiteUnderTest) -> None:
    for secret in ("", "guess"):
        with pytest.raises(Refused):
            list(
                reader(strict).register(
                    pb.RegisterRequest(path="scans", dataset="clinic/cells"), operator_secret=secret
                )
            )


def test_a_revoked_client_is_shut_out_in_mid_stream(strict: SiteUnderTest) -> None:
    register(strict)
    (strict.folder / "policy.toml").write_text(POLICY)
    view = strict.published_view()
    session = reader(strict).open(view=view.reference, purpose="research")
    next(iter(session))
    clients.revoke(strict.folder, "trainer")
    with pytest.raises(Refused):
        list(chain.from_iterable(session.stream() for _ in range(10_000)))
    clients.add(strict.folder, "trainer")
    with pytest.raises(AlreadyExists):
        clients.add(strict.folder, "trainer")


def test_a_session_belongs_to_its_client(strict: SiteUnderTest) -> None:
    register(strict)
    (strict.folder / "policy.toml").write_text(POLICY)
    view = strict.published_view()
    session = reader(strict).open(view=view.reference, purpose="research")
    other = reader(strict, "other")
    session._connection = other._connection
    with pytest.raises(Refused):
        list(session)


def test_a_changed_slice_is_noticed(strict: SiteUnderTest, tmp_path: Path) -> None:
    """The centre changes a frame after it was published: the signed leaf does not fit any more."""
    register(strict)
    (strict.folder / "policy.toml").write_text(POLICY)
    view = strict.published_view()
    database = tmp_path / "service" / "metadata.db"
    stored_blocks.as_before_seals(database, lambda text: text.replace(b'"width":32', b'"width":33'))
    with pytest.raises(HyperdatasetsError, match="digest says"):
        reader(strict).open(view=view.reference, purpose="research")


def test_a_forged_record_is_noticed(strict: SiteUnderTest, tmp_path: Path) -> None:
    register(strict)
    (strict.folder / "policy.toml").write_text(POLICY)
    view = strict.published_view()
    database = sqlite3.connect(tmp_path / "service" / "metadata.db")
    database.execute("UPDATE records SET signature = zeroblob(64)")
    database.commit()
    database.close()
    with pytest.raises(HyperdatasetsError, match="signed by no known key"):
        reader(strict).open(view=view.reference, purpose="research")


NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("policy", "allowed", "rule"),
    [
        ("", False, "no-policy"),
        (POLICY, True, "allow-1"),
        (POLICY.replace("trainer", "*"), True, "allow-1"),
        (POLICY.replace("clinic/cells", "clinic/*"), True, "allow-1"),
        (POLICY.replace("clinic/cells", "d1"), True, "allow-1"),
        (POLICY.replace("clinic/cells", "other"), False, "allow-1"),
        (POLICY.replace("trainer", "someone"), False, "allow-1"),
        (POLICY.replace("research", "care"), False, "allow-1"),
        (POLICY + "expires = 2020-01-01\n", False, "allow-1"),
        (POLICY + "expires = 2099-01-01\n", True, "allow-1"),
        (POLICY.replace("research", "care") + POLICY, True, "allow-2"),
    ],
)
def test_decisions(tmp_path: Path, policy: str, *, allowed: bool, rule: str) -> None:
    (tmp_path / "p.toml").write_text(policy)
    request = policies.Request({"d1": "clinic/cells"}, "trainer", "research", NOW)
    decision = policies.decide(policies.load(tmp_path / "p.toml"), request)
    assert (decision.allowed, decision.rule) == (allowed, rule)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[alow]]", "alow: there is no such key. Did you mean allow"),
        ("[[allow]]\ndatasets = []", r"allow\[0\].datasets: expected a list of at least one text"),
        ("[[allow]]\ndatasets = [1]", "expected a list of texts"),
        (POLICY + "expires = 5", "expected a date"),
        ("[[allow", "policy|p.toml"),
    ],
)
def test_a_policy_with_mistakes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(HyperdatasetsError, match=message):
        policies.load(tmp_path / "p.toml")


def signed_again(service_folder: Path, kind: str, change: dict[str, object]) -> None:
    """A centre that lies: it changes its own records and signs them with its own key."""
    signer = Signer.open(service_folder / "keys" / "records.key")
    database = sqlite3.connect(service_folder / "metadata.db")
    rows = database.execute("SELECT sequence, payload FROM records WHERE kind = ?", (kind,)).fetchall()
    for sequence, payload in rows:
        content = orjson.dumps(orjson.loads(payload) | change, option=orjson.OPT_SORT_KEYS)
        signature = signer.sign(kind, content)
        database.execute(
            "UPDATE records SET payload = ?, signature = ? WHERE sequence = ?", (content, signature, sequence)
        )
    database.commit()
    database.close()


def test_a_digest_names_one_selection_whatever_the_centre_signs(strict: SiteUnderTest, tmp_path: Path) -> None:
    """The centre signs the record of another view under the digest that a client asks for."""
    register(strict)
    (strict.folder / "policy.toml").write_text(POLICY)
    narrow = strict.published_view("narrow", frame_query="rois.label:wbc")
    wide = strict.published_view("wide")
    database = sqlite3.connect(tmp_path / "service" / "metadata.db")
    payloads = [orjson.loads(row[0]) for row in database.execute("SELECT payload FROM records WHERE kind = 'view'")]
    database.close()
    other = next(each for each in payloads if each["digest"] == wide.digest)
    signed_again(tmp_path / "service", "view", {key: other[key] for key in ("pinned", "sites", "versions")})
    with pytest.raises(Refused):
        reader(strict).open(view=narrow.reference, purpose="research")


def test_a_slice_that_is_refused_leaves_what_was_admitted_as_it_was(strict: SiteUnderTest, tmp_path: Path) -> None:
    """The centre shows known frames in another form, with a later version."""
    register(strict)
    (strict.folder / "policy.toml").write_text(POLICY)
    first = strict.published_view("first")
    before = {s.id: s.annotations for s in reader(strict).open(view=first.reference, purpose="research")}
    draft = DatasetVersion.get_current("clinic/cells", client=strict.client)
    draft.update_by_query(frame_query="rois.label:wbc", add_labels=["seen"])
    second = strict.published_view("second")
    database = tmp_path / "service" / "metadata.db"
    stored_blocks.change(database, lambda text: text.replace(b'"rbc"', b'"wbc"'))
    with pytest.raises(HyperdatasetsError, match="does not add up to the signed leaf"):
        reader(strict).open(view=second.reference, purpose="research")
    strict.node.stop()
    with Node(strict.folder) as again:
        strict.node = again
        samples = reader(strict).open(view=first.reference, purpose="research")
        assert {s.id: s.annotations for s in samples} == before


def test_hidden_metadata_of_a_frame_that_is_left_out_counts_once(
    tmp_path: Path, service: Service, client: MetadataClient
) -> None:
    """Below `meta.site` metadata is one level deeper, and the frame invalid after its parts were counted."""
    site = made(tmp_path, service, client, profile="strict", publish=("deep",))
    deep: object = 1
    for _ in range(31):
        deep = [deep]
    described = {"annotations": [{"labels": ["x"], "meta": {"note": 1, "who": "x"}}], "meta": {"deep": deep}}
    (site.data / "wbc" / "00.png.json").write_bytes(orjson.dumps(described))
    with site.node:
        ledger = register(site, format="files")
    assert ledger.lost["frames"] == 1
    assert ledger.read["attributes"] == 3


def test_numbers_of_a_shape_are_geometry(strict: SiteUnderTest) -> None:
    """An export of what left has the key points as they are, not points that nobody labelled."""
    points = {
        "id": 1, "image_id": 1, "category_id": 1, "keypoints": [2, 2, 2, 8, 4, 1, 0, 0, 0], "num_keypoints": 2,
        "bbox": [1, 1, 20, 20], "area": 333.0, "iscrowd": 0, "note": "by Dr. Miller",
    }  # fmt: skip
    coco = {"images": [{"id": 1, "file_name": "rbc/01.png"}], "annotations": [points],
            "categories": [{"id": 1, "name": "cell", "keypoints": ["a", "b", "c"]}]}  # fmt: skip
    (strict.data / "x.json").write_bytes(orjson.dumps(coco))
    ledger = register(strict, format="coco")
    assert [note.count for note in ledger.notes if "does not leave a strict site" in note.reason] == [2]
    draft = DatasetVersion.get_current("clinic/cells", client=strict.client)
    (annotation,) = [each for frame in draft.frames() for each in frame.annotations]
    assert annotation["meta"] == {"visibility": [2, 1, 0], "box": [1, 1, 20, 20], "area": 333.0}


def test_annotation_files_are_not_missed_in_a_table(strict: SiteUnderTest) -> None:
    (strict.data / "x.json").write_bytes(orjson.dumps({"images": [], "annotations": [], "categories": []}))
    names = sorted(path.relative_to(strict.data).as_posix() for path in strict.data.rglob("*.png"))
    (strict.data / "table.csv").write_text("\n".join(["file,age", *(f"{name},5" for name in names)]))
    ledger = register(strict, columns_file="table.csv")
    assert not [note for note in ledger.notes if note.reason == NO_ROW]
