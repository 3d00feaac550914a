"""The ledger adds up, and says what it holds."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.formats.ledger import KINDS, Ledger, Note

NOTES = st.builds(
    Note, st.sampled_from(KINDS), st.text("ab", min_size=1), st.sampled_from(["x", "y"]), st.text("cd"),
    st.integers(1, 5), st.sampled_from(["lost", "skipped", "noticed"]),
)  # fmt: skip


@given(st.lists(NOTES), st.dictionaries(st.sampled_from(KINDS), st.integers(1, 9)))
def test_what_was_read_was_kept_or_is_named(notes: list[Note], kept: dict) -> None:
    ledger = Ledger("x")
    for note in notes:
        ledger.add(note)
    for kind, count in kept.items():
        ledger.keep(kind, count)
    for kind in KINDS:
        unkept = sum(note.count for note in notes if note.kind == kind and note.weight != "noticed")
        assert ledger.read.get(kind, 0) == ledger.kept[kind] + unkept
    again = Ledger.from_plain(ledger.to_plain())
    assert again.to_plain() == ledger.to_plain()
    assert sum(len(group) for group in ledger.groups().values()) == len(notes)


def test_the_first_ten_of_each_reason_are_shown() -> None:
    ledger = Ledger("x")
    for number in range(12):
        ledger.lose("boxes", f"a.txt, line {number}", "boxes without a width", f"box {number}")
    ledger.notice("frames", "b.png", "guessed", count=3)
    lines = list(ledger.lines())
    assert lines[0] == "lost: 12 boxes: boxes without a width"
    assert lines[1] == "    a.txt, line 0 (box 0)"
    assert lines[11] == "    … and 2 more"
    assert lines[12:] == ["noticed: 3 frames: guessed", "    b.png x 3"]


def test_one_of_a_kind_is_named_in_the_singular() -> None:
    ledger = Ledger("x")
    for kind in KINDS:
        ledger.notice(kind, "a", "guessed")
    assert [line.split(": ")[1] for line in ledger.lines() if line[0] != " "] == [
        "1 frame", "1 box", "1 polygon", "1 ellipse", "1 set of key points", "1 mask", "1 span", "1 3-D shape",
        "1 label", "1 caption", "1 attribute", "1 split", "1 table row", "1 table cell", "1 annotation file",
        "1 media file", "1 other file",
    ]  # fmt: skip


def test_a_run_fails_if_a_file_cannot_be_read_or_nothing_came_in() -> None:
    ledger = Ledger("x")
    assert "nothing came in" in ledger.failed
    ledger.lose("frames", "a.png", "broken")
    assert ledger.failed == "every frame failed"
    ledger.keep("frames")
    assert ledger.failed == ""
    assert not ledger.complete
    ledger.unreadable("a.xml", "not XML")
    assert ledger.failed == "1 annotation file could not be read"
    assert Ledger("x", writes=True).failed == ""


def test_a_run_whose_frames_were_all_skipped_says_so() -> None:
    ledger = Ledger("x")
    ledger.skip("frames", "a.png", "frames without any of the classes that `option classes` lists")
    assert ledger.failed == "nothing came in: every frame was skipped"
    ledger.lose("frames", "b.png", "broken")
    assert ledger.failed == "every frame failed"


def test_files_that_are_no_data_are_no_loss() -> None:
    ledger = Ledger("x")
    ledger.keep("frames")
    ledger.skip("other files", "README.md", "no data")
    ledger.skip("labels", "a.png", "not asked for")
    assert ledger.complete
    assert ledger.read == {"frames": 1, "labels": 1, "other files": 1}


def test_a_refused_frame_is_taken_back_with_all_that_it_had() -> None:
    ledger = Ledger("x")
    ledger.keep("frames")
    ledger.keep("boxes", 2)
    ledger.take_back({"frames": 1, "boxes": 2}, "a.png", "refused by the service", "why")
    assert ledger.lost == {"frames": 1, "boxes": 2}
    assert not ledger.kept["boxes"]


def test_texts_with_half_of_a_surrogate_pair_can_be_written() -> None:
    ledger = Ledger("x")
    ledger.about.append("\ud800.json is read")
    ledger.lose("boxes", "\udcff.png", "not valid", "`\ud800`")
    json.dumps(ledger.to_plain(), ensure_ascii=False).encode()
    assert ledger.notes[0].place == "\\udcff.png"
    assert ledger.to_plain()["about"] == ["\\ud800.json is read"]


def test_a_name_cannot_begin_a_line_of_its_own() -> None:
    ledger = Ledger("x")
    ledger.lose("frames", "a\nerror: \x1b[31m.png", "left out")
    assert list(ledger.lines()) == ["lost: 1 frame: left out", "    a\\nerror: \\x1b[31m.png"]
