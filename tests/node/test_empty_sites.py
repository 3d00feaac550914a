"""A site without frames of a view: it answers with none, and tells nothing else about the dataset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.client import admin
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.registering import ledger_of
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument, Refused
from hyperdatasets.v1 import node_service_pb2 as pb
from metadata_service.server import Service
from node import audit, clients
from node.server import Node
from tests.node.conftest import SiteUnderTest, made

POLICY = '[[allow]]\ndatasets = ["clinic/cells"]\nprincipals = ["trainer"]\npurposes = ["research"]\n'
ITERATIONS: tuple[dict[str, Any], ...] = (
    {"order": "sequential"},
    {"order": "random"},
    {"order": "random", "limit": 3},
    {"order": "sequential", "limit": 3},
    {"order": "random", "repeat": True},
    {"order": "sequential", "repeat": True},
    {"order": "random", "repeat": True, "limit": 4},
    {"order": "random", "limit": "balanced"},
    {"order": "sequential", "clip": {"frames": 3}},
    {"order": "random", "repeat": True, "clip": {"frames": 3}},
)


@pytest.fixture
def other(site: SiteUnderTest, tmp_path: Path, service: Service, client: MetadataClient) -> Iterator[SiteUnderTest]:
    """An open node at which nothing was registered, beside `site`, at which everything was."""
    site.register()
    under_test = made(tmp_path, service, client, profile="open", site="south")
    with under_test.node:
        yield under_test


@pytest.fixture
def strict(tmp_path: Path, service: Service, client: MetadataClient) -> Iterator[SiteUnderTest]:
    under_test = made(tmp_path, service, client, profile="strict", site="south")
    (under_test.folder / "policy.toml").write_text(POLICY)
    with under_test.node:
        yield under_test


def trainer(site: SiteUnderTest) -> NodeClient:
    if "trainer" not in clients.active(site.folder):
        clients.add(site.folder, "trainer")
    folder = site.folder / "clients" / "trainer"
    return NodeClient(
        site.node.address, ca=str(folder / "ca.pem"), cert=str(folder / "client.pem"), key=str(folder / "client.key")
    )


def view_over(site: SiteUnderTest, dataset: str, uri: str = "") -> str:
    """A published view over a dataset of one frame without a site."""
    project, _, name = dataset.rpartition("/")
    Dataset.create(name, dataset_project=project, client=site.client)
    draft = DatasetVersion.get_current(dataset, client=site.client)
    draft.write([{"id": "a", "sources": [{"uri": uri or f"s3://{dataset}"}]}])
    return published(site, dataset)


def registered(site: SiteUnderTest, dataset: str) -> str:
    """A published view over a dataset into which the site registers its folder."""
    secret = (site.folder / "operator.secret").read_text()
    request = pb.RegisterRequest(path="scans", dataset=dataset)
    ledger_of(trainer(site).register(request, operator_secret=secret))
    return published(site, dataset)


def published(site: SiteUnderTest, dataset: str) -> str:
    DatasetVersion.create_snapshot(dataset, publish_name="v1", client=site.client)
    view = DataView(dataset.replace("/", " "), project="clinic", client=site.client)
    view.add_query(dataset_name=dataset, version_name="v1")
    return view.publish().reference


@pytest.mark.parametrize("iteration", ITERATIONS, ids=str)
@pytest.mark.parametrize("output", ["all_in_frame", "frame_per_roi"])
def test_a_site_without_frames_answers_with_none(
    site: SiteUnderTest, other: SiteUnderTest, iteration: dict[str, Any], output: str
) -> None:
    view = site.published_view("empty there", frame_query="rois.label:wbc")
    many = DataView("many", project="clinic", client=site.client)
    weighted = iteration["order"] == "random" and ("limit" in iteration or "repeat" in iteration)
    for weight in (3, 1) if weighted else (1, 1):
        many.add_rule(dataset="clinic/cells", version="v1", frame_query="rois.label:wbc", weight=weight)
    if "clip" in iteration and output == "frame_per_roi":
        output = "all_in_frame"
    many.set(iteration=iteration, output_rois=output)
    for reference in (view.reference, many.publish().reference):
        with other.reader.open(view=reference) as session:
            assert (session.count, len(session), list(session)) == (0, 0, [])
            assert session.digest.startswith("sha256:")
            assert session.labels == {"wbc": 1}
            assert list(session.stream(epoch=0)) == []
        with site.reader.open(view=reference) as session:
            assert next(iter(session))


def test_none_is_the_same_answer_whether_the_dataset_was_registered_there_or_not(
    site: SiteUnderTest, other: SiteUnderTest
) -> None:
    view = site.published_view("wbc", frame_query="rois.label:wbc")
    before = other.reader.open(view=view.reference)
    (other.data / "wbc").rename(other.data / "third")
    other.register()
    after = other.reader.open(view=view.reference)
    assert (before.count, before.digest, before.labels) == (after.count, after.digest, after.labels) == (
        0, before.digest, {"wbc": 1}
    )  # fmt: skip
    newer = site.published_view("newer", frame_query="rois.label:third")
    assert other.reader.open(view=newer.reference).count == 4
    assert site.reader.open(view=newer.reference).count == 0


def test_a_dataset_of_a_project_that_the_site_cannot_read_has_no_frames_there(
    tmp_path: Path, service: Service, client: MetadataClient, site: SiteUnderTest
) -> None:
    reference = view_over(site, "lab/secret")
    with site.reader.open(view=reference) as session:
        assert (session.count, list(session), session.without_site) == (0, [], 1)


def test_what_was_answered_once_is_answered_without_the_service(
    site: SiteUnderTest, other: SiteUnderTest, service: Service
) -> None:
    view = site.published_view()
    first = other.reader.open(view=view.reference)
    other.node.stop()
    service.stop()
    with Node(other.folder) as again:
        later = NodeClient(again.address).open(view=view.reference)
        assert (later.count, later.digest) == (0, first.digest)


def test_unknown_and_forbidden_are_answered_alike(strict: SiteUnderTest) -> None:
    """The policy lists `clinic/cells`. What it does not list is refused, whether the site has it or not."""
    allowed = view_over(strict, "clinic/cells")
    references = [
        registered(strict, "clinic/registered"),
        view_over(strict, "clinic/unknown"),
        "nothing@sha256:" + "0" * 64,
    ]
    reader = trainer(strict)
    with reader.open(view=allowed, purpose="research") as session:
        assert (session.count, list(session)) == (0, [])
    messages = set()
    for reference in references:
        with pytest.raises(Refused) as caught:
            reader.open(view=reference, purpose="research")
        messages.add(caught.value.message.replace(caught.value.fields["reference"], ""))
        assert set(caught.value.fields) == {"reference"}
    assert len(messages) == 1
    reasons = [entry["why"] for entry in audit.entries(strict.folder) if entry["event"] == "refused"]
    assert "dataset `clinic/registered` is not listed in datasets of policy.toml" in reasons
    assert "dataset `clinic/unknown` is not listed in datasets of policy.toml, and was never registered here" in reasons


def test_a_view_of_the_same_frames_in_a_dataset_that_is_not_allowed_is_refused(strict: SiteUnderTest) -> None:
    """The digests of both views are equal, since they hold no names; what was admitted of one is not the other's."""
    references = {}
    for dataset in ("clinic/cells", "clinic/twin"):
        references[dataset] = view_over(strict, dataset, uri="s3://same")
    allowed, twin = references.values()
    assert allowed.partition("@")[2] == twin.partition("@")[2]
    reader = trainer(strict)
    for _ in range(2):
        assert reader.open(view=allowed, purpose="research").count == 0
        with pytest.raises(Refused):
            reader.open(view=twin, purpose="research")


def test_the_service_cannot_widen_the_policy_by_a_name(strict: SiteUnderTest) -> None:
    """What the site registered it judges by its own name, however the service calls it now."""
    reference = registered(strict, "clinic/private")
    Dataset.get("clinic/private", client=strict.client).update(name="cells")
    with pytest.raises(Refused):
        trainer(strict).open(view=reference, purpose="research")


def test_a_strict_site_asks_for_a_purpose_whatever_is_asked(strict: SiteUnderTest) -> None:
    messages = set()
    for purpose in ("", "  "):
        for reference in (view_over(strict, f"clinic/x{len(purpose)}"), "nothing@sha256:" + "0" * 64):
            with pytest.raises(InvalidArgument, match="purpose: this site asks what the frames are for") as caught:
                trainer(strict).open(view=reference, purpose=purpose)
            messages.add((caught.value.message, *caught.value.fields.items()))
    assert len(messages) == 1


def test_an_open_site_that_refuses_leaves_the_client_to_think_of_a_purpose(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    (site.folder / "policy.toml").write_text(POLICY.replace("trainer", "local"))
    with pytest.raises(Refused, match=r"No purpose was given, and the policy of a site may ask for one \(`purpose`\)"):
        site.reader.open(view=view.reference)
    with pytest.raises(Refused) as caught:
        site.reader.open(view=view.reference, purpose="care")
    assert "purpose" not in caught.value.message
    assert site.reader.open(view=view.reference, purpose="research").count == 12


def test_a_policy_that_changes_ends_a_session_without_frames_too(strict: SiteUnderTest) -> None:
    reference = view_over(strict, "clinic/cells")
    session = trainer(strict).open(view=reference, purpose="research")
    strict.node._look()
    assert list(session) == []
    (strict.folder / "policy.toml").write_text(POLICY.replace("cells", "other"))
    strict.node._look()
    with pytest.raises(Refused):
        list(session)
    assert admin.site("south", client=strict.client).state == "approved"
