"""What the store packs comes back as it was: contents without their digits, blocks, keys."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadata_service.store.blocks import BLOCK, Codec
from metadata_service.store.digits import apart, together
from metadata_service.store.keys import Keys, hashes_of

contents = st.binary() | st.text('{}[]:,"ab01259.-e\n', max_size=200).map(str.encode)
SAVED = {"saved_ms": 1, "saved_in": "v", "saved_by": "a"}


@st.composite
def revisions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to three blocks; some frames say nothing any more."""
    some = draw(st.lists(st.tuples(st.text(), st.sampled_from(["", "north"]), st.booleans(), contents), min_size=1))
    count = draw(st.sampled_from([1, len(some), BLOCK, 2 * BLOCK + 3]))
    repeated = [some[place % len(some)] for place in range(count)]
    return [
        {"frame_id": frame_id, "site": site, "annotated": annotated, "payload": payload,
         "digest": hashlib.sha256(payload or b"erased").digest()}
        for frame_id, site, annotated, payload in repeated
    ]  # fmt: skip


@given(contents, st.data())
def test_digits_come_back(content: bytes, data: st.DataObject) -> None:
    text, digits = apart(content)
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, len(content)))
    assert together(text, digits, start, stop) == content[start:stop]
    assert not set(text) & set(b"23456789")


@given(contents, st.data())
def test_too_few_digits_are_noticed(content: bytes, data: st.DataObject) -> None:
    """Also a single one, which would otherwise stand at all places."""
    text, digits = apart(content + b"1")
    kept = data.draw(st.integers(0, len(digits) - 1))
    with pytest.raises(ValueError, match="buffer"):
        together(text, digits[:kept], 0, len(text))


@given(revisions(), st.integers(0, 1_000), st.data())
def test_blocks_come_back_also_after_erasing(rows: list[dict[str, Any]], first: int, data: st.DataObject) -> None:
    codec = Codec()
    for block in codec.pack(first, rows):
        mine = rows[block["first"] - first :][: block["count"]]
        stored = {**block, **SAVED}
        places = sorted(data.draw(st.sets(st.integers(0, block["count"] - 1), min_size=1)))
        found = list(codec.rows(stored, places))
        expected = [{"revision": block["first"] + place, **mine[place], **SAVED} for place in places]
        assert found == expected
        assert codec.frame_ids(stored["heads"], places) == [mine[place]["frame_id"] for place in places]
        erased = stored | codec.repacked(stored, places)
        assert erased["seal"] == stored["seal"]
        for place, row in enumerate(codec.rows(erased, range(block["count"]))):
            said = b"" if place in places else mine[place]["payload"]
            assert row == {"revision": block["first"] + place, **mine[place], "payload": said, **SAVED}


@given(st.lists(st.text(max_size=3), min_size=1), st.integers(0, 2**32 - 1_000), st.text(max_size=3))
def test_keys_come_back_and_find_every_revision(ids: list[str], first: int, other: str) -> None:
    keys = Keys.of(ids, first)
    again = Keys.from_row(keys.to_row(first))
    assert np.array_equal(again.hashes, keys.hashes)
    assert np.array_equal(again.revisions, keys.revisions)
    for wanted in ({other}, set(ids), {*ids, other}):
        found = again.find(np.unique(hashes_of(wanted)))
        assert sorted(found.tolist()) == [first + place for place, each in enumerate(ids) if each in wanted]
