"""Digests of sets do not depend on the way the set came about."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.digests import LtHash, content_digest

digests = st.binary(min_size=1, max_size=8).map(lambda data: hashlib.sha256(data).digest())
sets = st.sets(digests, max_size=600)


@given(st.lists(digests, max_size=20), st.randoms())
def test_order_does_not_matter(items, random):
    shuffled = random.sample(items, len(items))
    assert LtHash.zero().add(items).digest() == LtHash.zero().add(shuffled).digest()


@given(sets, sets)
def test_removing_undoes_adding(kept, passing):
    state = LtHash.zero().add(kept)
    assert state.add(passing).remove(passing).to_bytes() == state.to_bytes()


def test_a_state_reads_back():
    state = LtHash.zero().add([hashlib.sha256(b"a").digest()])
    assert LtHash.from_bytes(state.to_bytes()).digest() == state.digest()


def test_digests_are_frozen():
    state = LtHash.zero().add(hashlib.sha256(bytes([n])).digest() for n in range(3))
    assert state.digest() == "lthash16:15ef9d4ce9bf019bdabab1646e61dd94e3de1cb8fe15c9ec1b518bacacb8312e"
    leaves = [("b", 2, "lthash16:bb"), ("a", 1, "lthash16:aa"), ("empty", 0, "lthash16:cc")]
    masks = [{"value": [1, 1, 1], "labels": ["person"]}]
    assert content_digest(leaves, masks) == ("sha256:62cdf065236cc21189be966d15eee76a5539a6121031cc6998b119ee3ca68979")
    assert content_digest(leaves) == content_digest(reversed(leaves[:2]))
