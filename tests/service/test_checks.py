"""Checks through the SDK and a real service: against the naive evaluation, as reports, as a gate, over views."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.checks import from_yaml
from hyperdatasets.core.errors import ChecksFailed, InvalidChecks, NotFound, PermissionDenied
from hyperdatasets.core.normalise import normalise
from metadata_service.server import Service
from tests.reference import strategies
from tests.reference.checks import holds
from tests.reference.properties import examples

EXPECTATIONS = (
    "count == 0", "count >= 2", "count <= 3 rois", "share <= 50%", "share >= .5 of the rois", "share < 34% rois",
    "each label >= 2 frames", "each label >= 2 rois", "each label <= 50% of the rois", "each meta.n < 2 frames",
    "each meta.tags >= 30% of frames", "each context_id >= 2", "each sources.width == 1", "each site >= 1",
    "no duplicate digests", "no duplicate meta.n", "no duplicate sources.uri", "no duplicate rois.meta.score",
    "every box inside its image", "no drift of label distribution beyond 20% against parent",
    "no drift of meta.city distribution beyond .5 against parent",
    "no drift of rois.area distribution beyond 0 against parent",
)  # fmt: skip
QUERIES = {
    "frame_query": ("", "meta.city:*", "NOT rois.label:car", "context_id:a"),
    "roi_query": ("", "car", "confidence:>=.5", "NOT occluded"),
    "source_query": ("", "content_type:*", "width:640"),
    "where": ("", "meta.n:*", "NOT context_id:a"),
}


@st.composite
def checked_frames(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Frames without a site (a user writes them), with digests that meet and images that boxes leave."""
    listed = []
    for number in range(draw(st.integers(0, 5))):
        plain: Any = {key: value for key, value in draw(strategies.frames(f"f{number}")).items() if key != "site"}
        plain["sources"] = [dict(source) for source in plain["sources"]]
        for source in plain["sources"]:
            if draw(st.booleans()):
                source["digest"] = draw(st.sampled_from(("sha256:a", "sha256:b", "sha256:c")))
            if draw(st.booleans()):
                source["width"], source["height"] = draw(st.sampled_from(((30, 30), (45, 30), (640, 480))))
        listed.append(normalise(plain)[0])
    return listed


@pytest.fixture
def dataset(client: MetadataClient) -> Dataset:
    return Dataset.create("cells", dataset_project="clinic", client=client)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "checks.yaml"


def draft(client: MetadataClient) -> DatasetVersion:
    return DatasetVersion.get_current("clinic/cells", client=client)


def frame(number: int, **more: Any) -> SingleFrame:
    made = SingleFrame(f"u{number}", id=f"f{number}", width=100, height=50, **more)
    made.add_annotation(box2d_xywh=(0, 0, 10, 10), labels=["cell"])
    return made


@examples(60, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))
@given(checked_frames(), checked_frames(), st.lists(st.sampled_from(EXPECTATIONS), min_size=6, unique=True), st.data())
def test_reports_agree_with_the_naive_evaluation(
    client: MetadataClient, tmp_path: Path, before: list, after: list, expectations: list, data: st.DataObject
) -> None:
    listed = []
    for expect in expectations:
        queries = {key: data.draw(st.sampled_from(texts)) for key, texts in QUERIES.items()}
        if not expect.startswith("share"):
            queries["where"] = ""
        if "digests" in expect:
            queries["roi_query"] = ""
        check: dict[str, Any] = {"name": expect, "expect": expect, **{k: text for k, text in queries.items() if text}}
        if expect.startswith("each") and data.draw(st.booleans()):
            check["values"] = ["car", "nowhere"]
        listed.append(check)
    path = tmp_path / "generated.yaml"
    path.write_bytes(orjson.dumps({"checks": listed}))
    name = f"d{uuid4()}"
    version = DatasetVersion.create_new_dataset(name, client=client)
    assert not version.write(before)
    DatasetVersion.create_snapshot(name, publish_name="v1", client=client)
    version = DatasetVersion.get_current(name, client=client)
    if before:
        version.delete_frames([each["id"] for each in before])
    assert not version.write(after)
    report = version.check(path)
    for check, result in zip(from_yaml(path.read_text()), report.results, strict=True):
        passed, offending = holds(check, after, before)
        assert (result.passed, result.offending) == (passed, len(offending)), (check, result)
        assert set(result.frame_ids) <= offending


def test_a_report_is_kept_with_its_version(client: MetadataClient, dataset: Dataset, file: Path) -> None:
    version = draft(client)
    version.add_frames([frame(1), frame(2, metadata={"blurred": True})])
    file.write_text("checks:\n- {name: sharp, frame_query: 'meta.blured:true', expect: count == 0}\n"
                    "- {frame_query: 'meta.blurred:true', expect: 'share <= 2%'}\n")  # fmt: skip
    report = version.check(file)
    assert not report
    sharp, share = report.results
    assert sharp.passed
    assert "did you mean meta.blurred" in sharp.warnings[0]
    assert share.measured == "1 of 2 frames (50 %)"
    assert share.expected == "at most 2 % of the frames (frame meta.blurred:true)"
    assert share.frame_ids == ("f2",)
    assert version.check_reports() == [report]
    assert report.digest == version.digest
    assert report.ran_by == "local"
    published = version.publish_version("v1")
    assert published.check(file).passed is False
    assert len(published.check_reports()) == 2
    dataset.delete_version("v1", force=True)


def test_a_gate_keeps_a_version_from_being_published(client: MetadataClient, dataset: Dataset, file: Path) -> None:
    file.write_text("checks: [{name: few, expect: count <= 1}]")
    dataset.set_gate(file)
    assert dataset.gate == file.read_text()
    version = draft(client)
    version.add_frames([frame(1), frame(2)])
    with pytest.raises(ChecksFailed, match="few: 2 frames, expected at most 1 frames"):
        version.publish_version()
    assert not version.refresh().published
    with pytest.raises(ChecksFailed):
        DatasetVersion.create_snapshot("clinic/cells", client=client)
    assert [each.passed for each in version.check_reports()] == [False, False]
    forced = DatasetVersion.create_snapshot("clinic/cells", publish_name="v1", force=True, client=client)
    assert forced.forced
    assert next((each.gate, each.forced) for each in forced.check_reports()) == (True, True)
    child = draft(client)
    assert not child.forced
    child.delete_frames(["f2"])
    assert not child.publish_version("v2").forced
    assert [(each.gate, each.passed) for each in child.check_reports()] == [(True, True)]
    dataset.remove_gate()
    assert dataset.gate == ""
    with pytest.raises(NotFound, match="has no gate"):
        child.check()
    Dataset.delete("clinic/cells", delete_all_versions=True, client=client)


def test_a_gate_sees_contents_that_came_since_it_was_asked(
    client: MetadataClient, dataset: Dataset, file: Path
) -> None:
    file.write_text("checks: [{name: once, expect: no duplicate digests}]")
    dataset.set_gate(file)
    version = draft(client)
    version.write({"id": f"f{n}", "sources": [{"uri": f"file:///{n}", "digest": f"sha256:{n % 3}"}]} for n in range(3))
    assert version.check().results[0].measured == "3 contents, none twice"
    version.write([{"id": "again", "sources": [{"uri": "file:///x", "digest": "sha256:1"}]}])
    with pytest.raises(ChecksFailed, match=r"`sha256:1…` 2 times"):
        version.publish_version()
    assert version.check_reports()[0].results[0].frame_ids == ("f1", "again")
    version.delete_frames(["f1"])
    assert version.publish_version("v1").published


def test_views_do_not_share_patients(service: Service, client: MetadataClient, dataset: Dataset, file: Path) -> None:
    version = draft(client)
    version.add_frames(frame(number, context_id=f"p{number % 3}", metadata={"n": number}) for number in range(9))
    version.publish_version("v1")
    for name, query in (("train", "meta.n:[0 TO 4]"), ("test", "meta.n:[5 TO 5]"), ("rest", "context_id:p1")):
        view = DataView(name, project="views", client=client)
        view.add_query(dataset_name="clinic/cells", version_name="v1", frame_query=query)
        view.publish() if name == "test" else view.store()
    file.write_text("checks:\n- expect: no overlap of context_id between views train and test\n"
                    "- expect: no overlap of context_id between views test and rest\n"
                    "- expect: no overlap of context_id between views test and trian\n")  # fmt: skip
    both, apart, unknown = version.check(file).results
    assert (both.passed, both.measured) == (False, "1 value of context_id in more than one view: `p2`")
    assert set(both.frame_ids) == {"f2", "f5"}
    assert apart.passed
    assert "Did you mean train" in unknown.measured
    admin.add_user("ann", roles={"clinic": "runner"}, client=client)
    ann = MetadataClient(ClientConfig(service=service.address, token=admin.create_token("ann", client=client)))
    seen = draft(ann).check(file)
    assert all("there is no view" in each.measured for each in seen.results)
    with pytest.raises(PermissionDenied):
        Dataset.get("clinic/cells", client=ann).set_gate(file)
    admin.set_role("ann", project="clinic", role="viewer", client=client)
    with pytest.raises(PermissionDenied):
        draft(ann).check(file)


def test_boxes_by_source_and_angle(client: MetadataClient, dataset: Dataset, file: Path) -> None:
    version = draft(client)
    turned = frame(1)
    turned.add_annotation(box2d_xywh=(0, 0, 40, 10, 45), labels=["turned"])
    within = frame(2)
    within.add_annotation(box2d_xywh=(30, 20, 10, 20, 90), labels=["turned"])
    version.add_frames([turned, within, SingleFrame("u3", id="unknown")])
    file.write_text("checks: [{expect: every box inside its image}]")
    (result,) = version.check(file).results
    assert result.frame_ids == ("f1",)
    assert result.measured == "1 of 4 boxes reach beyond their images"


BAD = [
    ("checks: [{expext: count == 0}]", "line 1: checks\\[0\\].expext: there is no such key. Did you mean expect"),
    ("checks:\n- expect: cuont == 0", "line 2: .*position 0 .*Did you mean count"),
    ("checks:\n- expect: count == 0\n  frame_query: 'a:('", "line 3: checks\\[0\\].frame_query: position 3"),
    ("checks:\n- &a {expect: count == 0}\n- *a", "line 3, column 3: YAML aliases"),
    ("checks: !!python/object/apply:os.system ['ls']", "line 1, column 9: YAML tags"),
    ("checks:\n- expect: [1", "line 2, column 13: this is not YAML"),
    ("checks:\n- expect: 5", "line 2: .*expected text"),
    ("checks:\n- {expect: count == 0}\n- {expect: count == 0}", "line 3: there is a check"),
    ("checks:\n- expect: count == 0\n  expect: count == 1", "line 3, column 3: `expect` stands here a second time"),
    ("checks:\n- {expect: count == 0, where: a}", "line 2: .*goes with `share` alone"),
    ("[" * 10_000, "line 1, column 21: nested deeper"),
    ("x" * 100_001, "100000 are allowed"),
    ("checks: []", "at least one check"),
    ("", "is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD)
def test_errors_name_the_line(client: MetadataClient, dataset: Dataset, file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidChecks, match=message):
        draft(client).check(file)
    with pytest.raises(InvalidChecks, match=message):
        dataset.set_gate(file)
    file.write_bytes(b"checks:\n- \xff")
    with pytest.raises(InvalidChecks, match="line 2: this is not UTF-8"):
        draft(client).check(file)
