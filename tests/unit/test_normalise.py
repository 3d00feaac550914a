"""What a frame may be, and what it becomes."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hyperdatasets.core.canonical import (
    canonical_bytes,
    frame_digest,
    from_canonical,
    join_parts,
    same_site_part,
    shared_part,
    site_part,
)
from hyperdatasets.core.errors import InvalidFrame, RawInMetadata
from hyperdatasets.core.normalise import normalise

SOURCE = {"id": "default", "uri": "s3://bucket/a.jpg", "width": 100, "height": 50}


def frame(*annotations, **fields):
    return {"id": "f", "sources": [SOURCE], "annotations": list(annotations), **fields}


def boxed(*box):
    return {"labels": ["car"], "geometry": {"box": list(box)}}


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts
metas = st.dictionaries(
    texts,
    st.recursive(
        scalars.filter(lambda value: not (isinstance(value, float) and math.isinf(value))),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
coordinates = st.floats(1, 40)
geometries = st.one_of(
    st.none(),
    st.tuples(coordinates, coordinates, coordinates, coordinates).map(lambda box: {"box": list(box)}),
    st.lists(coordinates, min_size=2, max_size=8).filter(lambda xs: not len(xs) % 2).map(lambda xs: {"keypoints": xs}),
    st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)).map(lambda rgb: {"mask": list(rgb)}),
)
annotations = st.fixed_dictionaries(
    {"labels": st.lists(texts.filter(bool), min_size=1, max_size=3), "geometry": geometries, "meta": metas},
    optional={"confidence": st.floats(0, 1), "origin": texts},
)
frames = st.fixed_dictionaries(
    {"sources": st.just([SOURCE]), "annotations": st.lists(annotations, max_size=4), "meta": metas},
    optional={"site": st.just("ward"), "context_id": texts, "timestamp": st.integers(0, 10**12)},
)


@given(frames)
def test_normalising_twice_changes_nothing(plain):
    once, _ = normalise(plain)
    assert normalise(once)[0] == once


@given(frames)
def test_canonical_bytes_read_back(plain):
    normal, _ = normalise(plain)
    canonical = canonical_bytes(normal)
    assert from_canonical(canonical) == normal
    assert canonical_bytes(from_canonical(canonical)) == canonical


@given(frames)
def test_the_two_parts_make_the_frame(plain):
    normal, _ = normalise(plain)
    assert join_parts(site_part(normal), shared_part(normal)) == normal


def test_canonical_bytes_are_frozen():
    plain, _ = normalise(
        frame(
            {"labels": ["car", "occluded"], "confidence": 1, "geometry": {"box": [1, 2, 3, 4]}},
            {"labels": ["night"]},
            timestamp=5,
            context_id="drive",
            meta={"n": 1, "x": 1.0, "site": {"ward": 3}},
        )
    )
    canonical = canonical_bytes(plain)
    assert canonical == (
        b'{"annotations":[{"confidence":1.0,"geometry":{"box":[1.0,2.0,3.0,4.0]},"id":"6ac081b61f370c49",'
        b'"labels":["car","occluded"]},{"id":"7ca6423c2293d1f3","labels":["night"]}],"context_id":"drive"'
        b',"id":"f","meta":{"n":1,"site":{"ward":3},"x":1.0},"sources":[{"height":50,"id":"default","uri"'
        b':"s3://bucket/a.jpg","width":100}],"timestamp":5}'
    )
    assert frame_digest(canonical).hex() == "a380eb8d62d145868f7ee874bb7ec18425f41a448ae1c81fdb75b671840127f5"


def test_previews_and_blobs_lie_beside_the_canonical_bytes():
    bare, _ = normalise({"id": "f", "sources": [{"id": "a", "uri": "u"}]})
    seen, _ = normalise({"id": "f", "sources": [{"id": "a", "uri": "u", "preview": "p"}]})
    assert canonical_bytes(bare) == canonical_bytes(seen)
    assert same_site_part(bare, seen)
    text, _ = normalise({"id": "t", "blob": b"words"})
    assert b'"blob":"sha256:' in canonical_bytes(text)
    assert from_canonical(canonical_bytes(text), blob=b"words") == text


def test_ids_are_made_from_what_is_registered():
    first, _ = normalise({"sources": [SOURCE], "site": "a"})
    again, _ = normalise({"sources": [dict(SOURCE, digest="sha256:00")], "site": "a"})
    other, _ = normalise({"sources": [SOURCE], "site": "b"})
    assert first["id"] == again["id"] != other["id"]
    assert len(first["id"]) == 32


def test_equal_annotations_get_a_counter():
    normal, _ = normalise(frame({"labels": ["a"]}, {"labels": ["a"]}))
    one, two = (annotation["id"] for annotation in normal["annotations"])
    assert two == f"{one}-2"


def test_a_box_partly_outside_is_kept_with_a_warning():
    normal, warnings = normalise(frame(boxed(90, 40, 20, 20)))
    assert len(normal["annotations"]) == 1
    assert "partly outside of the image (100 x 50)" in warnings[0]


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"id": "f"}, "at least one source"),
        ({"id": "f", "sources": [{"id": "a"}]}, "needs a uri"),
        ({"id": "f", "sources": [SOURCE, SOURCE]}, "occurs twice"),
        ({"id": "f", "souces": [SOURCE]}, "Did you mean sources"),
        ({"id": "f\x00", "sources": [SOURCE]}, "control characters"),
        ({"id": "f", "sources": [dict(SOURCE, width=-1)]}, "out of range"),
        (frame(boxed(200, 10, 5, 5)), "wholly outside"),
        (frame(boxed(1, 1, 0, 5)), "above 0"),
        (frame(boxed(1, 1, -3, 5)), "above 0"),
        (frame(boxed(math.nan, 1, 3, 5)), "NaN"),
        (frame(boxed(1, 1, 3)), "expected x, y, width, height"),
        (frame(boxed("1", 1, 3, 3)), "expected numbers"),
        (frame({"labels": []}), "at least one label"),
        (frame({"labels": ["x" * 10_000]}), "10000 characters"),
        (frame({"labels": ["a"], "confidence": 1.5}), "from 0 to 1"),
        (frame({"labels": ["a"], "confidence": math.nan}), "from 0 to 1"),
        (frame({"labels": ["a"], "sources": ["rear"]}), "no source 'rear'"),
        (frame({"labels": ["a"], "geometry": {"circle": [1]}}), "no shape 'circle'"),
        (frame({"labels": ["a"], "geometry": {"span": [5, 2]}}), "the end not before the start"),
        (frame({"labels": ["a"], "geometry": {"polygon": [[1, 2, 3, 4]]}}), "three points"),
        (frame(meta={"big": "x" * 5_000_000}), "bytes of metadata"),
        (frame(meta={"n": 2**64}), "out of range"),
        (frame(meta={"n": math.inf}), "infinity"),
        (frame(meta={"\ud800": 1}), "not valid Unicode"),
        (frame(meta=[1]), "expected an object"),
    ],
)
def test_what_is_wrong_is_said(plain, words):
    with pytest.raises(InvalidFrame, match=words):
        normalise(plain)


def test_deep_metadata_is_refused_without_recursion_errors():
    deep: dict = {}
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(InvalidFrame, match="nested deeper"):
        normalise(frame(meta=deep))


def test_raw_data_of_a_site_never_enters_metadata():
    with pytest.raises(RawInMetadata):
        normalise({"id": "f", "site": "a", "sources": [SOURCE], "blob": b"raw"})


edges = st.sampled_from((-1.0, -0.0, 0.0, 0.5, 50.0, 99.5, 100.0, 101.0, math.nan, math.inf, 7))


@given(
    st.lists(edges, min_size=3, max_size=5),
    st.sampled_from((["car"], ["car", "car"], [""], [7], ["a\x00"], "car")),
    st.sampled_from((None, 0.5, 1, -0.1, math.nan, "x", True)),
    st.sampled_from((None, "", "a", "a\n", 5)),
)
@example([-0.0, -0.0, 0.5, 7], ["car"], 0.5, None)
def test_the_short_way_for_usual_annotations_is_the_long_one(box, labels, confidence, annotation_id):
    plain = {"labels": labels, "geometry": {"box": box}, "confidence": confidence, "id": annotation_id}
    plain = {key: value for key, value in plain.items() if value is not None}

    def outcome(annotation):
        try:
            return json.dumps(normalise(frame(annotation)), sort_keys=True)
        except InvalidFrame as error:
            return str(error)

    assert outcome(plain) == outcome(plain | {"origin": ""})


@pytest.mark.parametrize("box", [[0.0, 0.0, math.inf, 1.0], [0.0, 0.0, 1.0, math.inf], [math.inf, 0.0, 1.0, 1.0]])
def test_a_box_is_finite_also_on_a_picture_of_unknown_size(box):
    with pytest.raises(InvalidFrame, match="infinite"):
        normalise({"sources": [{"uri": "s3://a"}], "annotations": [{"labels": ["a"], "geometry": {"box": box}}]})
