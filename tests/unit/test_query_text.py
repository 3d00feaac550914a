"""Words of texts, and dates among them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.query.dates import DAY_US, moment, moments
from hyperdatasets.core.query.text import tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bus Stop", ["bus", "stop"]),
        ("traffic_light", ["traffic", "light"]),
        ("3.5 can't", ["3", "5", "can", "t"]),
        ("image/png", ["image", "png"]),
        ("Straße ÄRGER", ["strasse", "ärger"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("血液cell", ["血", "液", "cell"]),
        ("カ\u3099ひ", ["カ\u3099", "ひ"]),
        ("Ⅷ ٣", ["ⅷ", "٣"]),
        ("\u0301 - ² …", []),
        ("", []),
    ],
)
def test_words(text, words):
    assert tokens(text) == words


@given(st.text())
def test_words_do_not_depend_on_case_and_hold_no_blanks(text):
    words = tokens(text)
    assert all(words)
    assert not any(char.isspace() for word in words for char in word)
    assert tokens(" ".join(words)) == words or not text.isascii()


@given(st.text(st.characters(codec="ascii")))
def test_the_short_way_for_ascii_is_the_long_way(text):
    assert tokens(text) == tokens(text + "…")


@pytest.mark.parametrize(
    "text",
    ["2024-02-30", "2024-1-1", "20241020", "2024-10-20T10", "2024-10-20T24:00", "2024-10-20T25:00:00Z",
     "2024-10-20T10:00:00+02:75", "2024-10-20 ", "x", "", "\uff12\uff10\uff12\uff14-10-20"],
)  # fmt: skip
def test_other_texts_are_no_dates(text):
    assert moment(text) is None


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(minutes=330))])))
def test_moments_are_those_of_the_calendar(time):
    expected = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert moment(time.isoformat()) == expected


def test_a_time_to_the_minute_is_that_whole_minute():
    first = moment("2024-10-20T10:00:00")
    assert moments("2024-10-20T10:00") == moments("2024-10-20 12:00+02:00") == (first, first + 60_000_000 - 1)
    assert moment("2024-10-20T10:00", minutes=False) is None
    assert moments("2024-10-20T10:00", minutes=False) is None
    assert moments("2024-10-20", minutes=False) == (moment("2024-10-20"), moment("2024-10-20") + DAY_US - 1)


def test_dates_without_a_zone_are_utc():
    assert moment("2024-10-20T10:00:00.5") == moment("2024-10-20T12:00:00.500000999+02:00")
    assert moment("1970-01-02") == DAY_US


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-10-20", "2024-10-20T00:00:00Z", "2024-10-20T23:59:59.999999Z"),
        ("2024-02", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999Z"),
        ("2024-12", "2024-12-01T00:00:00Z", "2024-12-31T23:59:59.999999Z"),
        ("2024", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999999Z"),
        ("9999", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("2024-10-20T01:02:03Z", "2024-10-20T01:02:03Z", "2024-10-20T01:02:03Z"),
    ],
)
def test_a_date_in_a_query_means_all_of_it(text, first, last):
    assert moments(text) == (moment(first), moment(last))


def test_what_is_no_date_means_no_moments():
    for text in ("2024-13", "0000", "abc", "2024-02-30", "-5"):
        assert moments(text) is None
