"""Texts of any origin can be written and shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.escapes import encodable, on_lines, on_one_line

ANY = st.text(st.characters(exclude_categories=()))


@given(ANY)
def test_an_encodable_text_has_an_encoding_and_is_the_same_if_it_had_one(text: str) -> None:
    encodable(text).encode()
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert encodable(text) == text


@given(ANY)
def test_what_is_shown_on_one_line_has_no_command_for_a_terminal(text: str) -> None:
    shown = on_one_line(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in shown)
    assert on_one_line(shown) == shown


def test_lines_and_tabs_of_sentences_stay() -> None:
    assert on_lines("a\n\tb\x1b[31m\r\u202e") == "a\n\tb\\x1b[31m\\r\\u202e"
    assert on_one_line("a\nb\ud800ü😀") == "a\\nb\\ud800ü😀"
