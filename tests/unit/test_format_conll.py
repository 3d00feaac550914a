"""CoNLL texts: documents, spans in characters, tagging schemes, and every kind of bad line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.formats import conll, conll_text
from hyperdatasets.formats.conll import FORMAT
from hyperdatasets.formats.conll_text import documents, entities, scheme_of
from hyperdatasets.formats.entry import FURTHER_SPLITS
from hyperdatasets.formats.folder import Folder
from tests.reference.format_runs import Run, picture, read_all, text
from tests.reference.properties import examples

SENTENCES = """EU B-ORG
rejects O
German B-MISC
call O
. O

Peter B-PER
Blackburn I-PER
"""
TWO = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
call NN B-NP O

-DOCSTART- -X- -X- O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER

Ulm NNP B-NP B-LOC
"""


def read(root: Path, content: str | bytes, name: str = "train.txt") -> Run:
    text(root / name, content)
    return read_all(root, FORMAT)


def spans(found: Run, path: str = "train.txt") -> dict[str, tuple[str, list[int], int]]:
    return {
        each["meta"]["text"]: (each["labels"][0], each["geometry"]["span"], each["meta"]["sentence"])
        for each in found.annotations(path)
    }


def test_a_file_with_one_document_is_one_frame(tmp_path: Path) -> None:
    found = read(tmp_path, SENTENCES)
    assert spans(found) == {
        "EU": ("ORG", [0, 2], 1), "German": ("MISC", [19, 25], 1),
        "Peter Blackburn": ("PER", [SENTENCES.index("Peter"), SENTENCES.index(" I-PER")], 2),
    }  # fmt: skip
    assert found.meta("train.txt") == {"split": "train"}
    assert not found.ledger.notes
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, evidence.used) == (1, ["train.txt"])


def test_documents_are_frames_with_a_fragment(tmp_path: Path) -> None:
    found = read(tmp_path, TWO, "eng.testa")
    middle = TWO.rindex("-DOCSTART-")
    first, second = f"eng.testa#char=0,{middle}", f"eng.testa#char={middle},{len(TWO)}"
    assert sorted(found.frames) == sorted([first, second])
    part = TWO[middle:]
    for words, (_, (start, end), _) in spans(found, second).items():
        assert part[start:end].split()[0] == words.split()[0]
        assert part[start:end].split()[-1] == words.split()[-1]
    assert {words: label for words, (label, _, _) in spans(found, second).items()} == {
        "Peter Blackburn": "PER", "Ulm": "LOC",
    }  # fmt: skip
    assert found.frames[second]["sources"][0]["uri"].endswith(f"#char={middle},{len(TWO)}")
    assert found.meta(second) == {"split": "val"}
    (note,) = found.ledger.notes
    assert (note.reason, note.kind, note.count) == (conll.COLUMNS, "table cells", 10)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a I-X\nb I-X\nc B-X\nd I-Y\ne O\nf I-X\n", ["a b", "c", "d", "f"]),  # IOB1
        ("a B-X\nb I-X\nc B-X\nd B-Y\n", ["a b", "c", "d"]),  # IOB2
        ("a B-X\nb I-X\nc E-X\nd S-X\ne S-X\n", ["a b c", "d", "e"]),  # BIOES
        ("a B-X\nb I-X\nc L-X\nd U-X\n", ["a b c", "d"]),  # BILOU
        ("a B-X\nb E-X\nc B-X\nd E-X\n", ["a b", "c d"]),
        ("a B-X-Y\nb I-X-Y\n", ["a b"]),
    ],
)
def test_schemes(tmp_path: Path, content: str, expected: list[str]) -> None:
    found = read(tmp_path, content)
    assert sorted(spans(found)) == expected
    assert found.ledger.complete
    assert ("noticed" in {note.weight for note in found.ledger.notes}) == (content.startswith("a I"))


def test_iob1_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, "a I-X\nb O\nc I-X\nd B-X\n")
    assert found.said() == {conll.SCHEME: ["train.txt"]}


@pytest.mark.parametrize("content", ["a B-X\nb O\nc I-X\nd B-X\n", "a B-X\nb I-Y\nc B-X\n", "a S-X\nb I-X\nc E-X\n"])
def test_entities_that_begin_inside_are_kept_and_told(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert list(found.said("noticed")) == [conll_text.INSIDE]
    assert found.ledger.complete


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("word", conll_text.OTHER_COLUMNS), ("a b B-X", conll_text.OTHER_COLUMNS), ("word X-PER", conll_text.NO_TAG),
        ("word b-per", conll_text.NO_TAG), ("word B-", conll_text.NO_TAG), ("word BPER", conll_text.NO_TAG),
    ],
)  # fmt: skip
def test_bad_lines_are_told(tmp_path: Path, line: str, reason: str) -> None:
    found = read(tmp_path, f"{SENTENCES}{line}\n")
    number = SENTENCES.count("\n") + 1
    assert found.said() == {reason: [f"train.txt, line {number}"]}
    assert len(spans(found)) == 3


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_positions_are_those_of_the_text_that_the_file_holds(tmp_path: Path, mark: str, line_end: str) -> None:
    content = (mark + TWO).replace("\n", line_end)
    found = read(tmp_path, content.encode())
    assert len(found.frames) == 2
    for key in found.frames:
        start, end = map(int, key.partition("char=")[2].split(","))
        for words, (_, span, _) in spans(found, key).items():
            inner = content[start:end][slice(*span)]
            assert inner.startswith(words.split()[0])
            assert inner.endswith(words.split()[-1])
    assert (conll.TWO_SIGNS in found.said()) == (line_end == "\r\n")


def test_utf_16(tmp_path: Path) -> None:
    assert spans(read(tmp_path, "Köln B-LOC\n".encode("utf-16")))["Köln"] == ("LOC", [0, 4], 1)


def test_tabs_keep_blanks_within_tokens(tmp_path: Path) -> None:
    found = read(tmp_path, "New York\tB-LOC\nis\tO\nbig\tO\n")
    assert spans(found) == {"New York": ("LOC", [0, 8], 1)}


def test_comments(tmp_path: Path) -> None:
    content = "# sent_id = 1\n# text = EU # 1\nEU B-ORG\n# O\n"
    found = read(tmp_path, content)
    assert found.meta("train.txt")["comments"] == ["sent_id = 1", "text = EU # 1"]
    assert spans(found) == {"EU": ("ORG", [content.index("EU B"), content.index(" B-ORG")], 1)}
    assert found.ledger.complete
    two = read(tmp_path, "# newdoc id = 1\na B-X\n\n# newdoc id = 2\nb B-X\n")
    assert [two.meta(key)["comments"] for key in sorted(two.frames)] == [["newdoc id = 1"], ["newdoc id = 2"]]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("eng.train", "train"), ("eng.testa", "val"), ("eng.testb", "test"), ("dev.txt", "dev"), ("valid.conll", "val"),
        ("test/a.txt", "test"), ("my_test.bio", "test"), ("contest.txt", None), ("a.txt", None),
    ],
)  # fmt: skip
def test_splits(tmp_path: Path, name: str, split: str | None) -> None:
    assert read(tmp_path, SENTENCES, name).meta(name).get("split") == split


def test_a_name_and_a_folder_that_say_two_splits(tmp_path: Path) -> None:
    found = read(tmp_path, SENTENCES, "test/dev.txt")
    assert found.meta("test/dev.txt")["split"] == "dev"
    assert found.said("lost") == {FURTHER_SPLITS: ["test/dev.txt"]}


@pytest.mark.parametrize(
    "content",
    [
        "0 0.5 0.5 0.2 0.2\n", "a.jpg\nb.jpg\n", "cat\ndog\n", "This is a letter.\nIt says O\n", "", "\0\1\2",
        "DT The\nNN cat\n", "a O\nb O\n",
    ],
)  # fmt: skip
def test_other_texts_are_no_conll(tmp_path: Path, content: str) -> None:
    text(tmp_path / "a.txt", content)
    assert FORMAT.recognise(Folder(tmp_path)) is None


def test_other_texts_beside_are_named(tmp_path: Path) -> None:
    text(tmp_path / "README.txt", "Some words.\n")
    picture(tmp_path / "a.png")
    found = read(tmp_path, SENTENCES)
    assert list(found.frames) == ["train.txt"]
    assert found.said("skipped") == {"files that are no data of this format": ["README.txt", "a.png"]}


def test_a_bad_first_line_changes_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, "Corpus of news\n" + SENTENCES)
    assert FORMAT.recognise(Folder(tmp_path)) is not None
    assert len(spans(found)) == 3
    assert found.said() == {conll_text.OTHER_COLUMNS: ["train.txt, line 1"]}


def test_another_encoding_is_unreadable_and_the_file_is_kept(tmp_path: Path) -> None:
    found = read(tmp_path, (SENTENCES + "Köln B-LOC\n").encode("latin-1"))
    assert found.ledger.failed
    assert found.annotations("train.txt") == []


def test_more_entities_than_a_frame_may_have(tmp_path: Path) -> None:
    found = read(tmp_path, "a B-X\n" * 10_002)
    assert len(found.annotations("train.txt")) == 10_000
    (note,) = found.ledger.notes
    assert (note.reason, note.kind, note.count) == (conll.TOO_MANY, "spans", 2)


TOKENS = st.text("aß東😀", min_size=1, max_size=4)
ENTITIES = st.lists(st.tuples(st.sampled_from(("O", "X", "Y")), st.lists(TOKENS, min_size=1, max_size=3)), max_size=6)


@examples(200)
@given(st.lists(st.lists(ENTITIES, max_size=3), min_size=1, max_size=3))
def test_entities_come_back_at_their_place(written: list[list[list[tuple[str, list[str]]]]]) -> None:
    text_of = ""
    expected = []
    for number, document in enumerate(written):
        text_of += "-DOCSTART- O\n\n" if number or len(written) > 1 else ""
        for sentence in document:
            for label, tokens in sentence:
                tags = ["O"] * len(tokens) if label == "O" else [f"B-{label}", *[f"I-{label}"] * (len(tokens) - 1)]
                text_of += "".join(f"{token} {tag}\n" for token, tag in zip(tokens, tags, strict=True))
                expected += [(label, tokens)] if label != "O" else []
            text_of += "\n"
    bad: list = []
    found = [each for document in documents(text_of, bad.append) for each in entities(document, "IOB2", bad.append)]
    assert [(each.label, [token.text for token in each.tokens]) for each in found] == expected
    assert all(text_of[token.start : token.end] == token.text for each in found for token in each.tokens)
    assert not bad
    assert scheme_of(documents(text_of, bad.append)) == "IOB2"


def test_a_file_with_odd_lines_is_read(tmp_path: Path) -> None:
    text(tmp_path / "train.txt", SENTENCES)
    text(tmp_path / "test.txt", "Bar B-PER\nx y O\nBaz O\n\n" * 3)
    text(tmp_path / "dev.txt", "all O\nplain O\n")
    text(tmp_path / "few.conll", "Bar B-PER\nodd\n")
    text(tmp_path / "prose.conll", "This is prose.\nNothing else.\n")
    text(tmp_path / "empty.txt", "")
    text(tmp_path / "LICENSE.txt", "Free.\n")
    found = read_all(tmp_path, FORMAT)
    assert set(found.frames) == {"train.txt", "test.txt", "dev.txt", "few.conll"}
    assert found.said("lost") == {
        conll.NOT_TAGGED: ["empty.txt", "prose.conll"],
        conll_text.OTHER_COLUMNS: ["few.conll, line 2", *(f"test.txt, line {line}" for line in (2, 6, 10))],
    }
    assert found.ledger.lost["annotation files"] == 2
    assert found.said("skipped") == {"files that are no data of this format": ["LICENSE.txt"]}


def test_comments_are_no_columns(tmp_path: Path) -> None:
    found = read(tmp_path, "".join(f"# id = {number}\nUlm{number} B-LOC\n\n" for number in range(20)))
    assert len(found.annotations("train.txt")) == 20
    assert found.meta("train.txt")["comments"] == [f"id = {number}" for number in range(20)]
    assert found.ledger.complete


def test_tokens_may_begin_with_a_number_sign(tmp_path: Path) -> None:
    found = read(tmp_path, "#rain B-X\n\n#sun B-X\n# O\n")
    assert sorted(spans(found)) == ["#rain", "#sun"]
