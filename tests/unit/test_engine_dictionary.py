"""Hashes of a dictionary's texts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.engine.dictionary import Dictionary

LENGTHS = ("", "\0", "\0" * 8, "a" * 7, "a" * 8, "a" * 9, "a" * 1_024, "a" * 1_025)
joined = st.lists(st.sampled_from(("12345678", "é", "\0", "x" * 500)), max_size=5).map("".join)
texts = st.text() | st.sampled_from(LENGTHS) | joined


@given(st.sets(texts), st.sets(texts))
def test_equal_texts_and_no_others_have_equal_hashes(here: set[str], there: set[str]) -> None:
    hashes = [
        dict(zip(sorted(each), Dictionary.of(sorted(each)).hashes().tolist(), strict=True)) for each in (here, there)
    ]
    both = [(text, hash_) for each in hashes for text, hash_ in each.items()]
    assert len(set(both)) == len({hash_ for _, hash_ in both}) == len(here | there)
