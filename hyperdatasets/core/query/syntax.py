"""Query text to the grammar's tree; errors say where and what was expected, and limits are checked on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken
from lark.parsers.lalr_interactive_parser import InteractiveParser

from hyperdatasets.core.errors import InvalidQuery

MAX_CHARACTERS = 20_000
MAX_CLAUSES = 2_000
MAX_DEPTH = 100

_GRAMMAR = Lark(
    (files(__package__) / "grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    lexer="contextual",
    propagate_positions=True,
    maybe_placeholders=True,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_EXPECTED = {
    "WORD": "a word", "NUMBER": "a number", "QUOTED": "a phrase in quotes", "SINGLE_QUOTED": "a phrase in quotes",
    "REGEX": "a regular expression between slashes", "FIELD": "a field", "ALL": "*:*", "_OPEN": "(", "_CLOSE": ")",
    "RANGE_OPEN": "a range", "RANGE_CLOSE": "] or }", "COMPARE": "a comparison such as >=", "_TO": "TO",
    "BOUND": "a value or *", "COMPARED": "a value", "_NOT": "NOT", "_AND": "AND", "_OR": "OR", "_MUST": "+",
    "FUZZY": "~", "BOOST": "^", "$END": "the end",
}  # fmt: skip
_SPECIAL = set("+-/!:&|<>=~^()[]{}\"\\'")


def syntax(text: str) -> Tree[Token]:
    """The tree of the grammar.

    Raises:
        InvalidQuery: with `position` and `expected`.
    """
    check_characters(text)
    parser = _GRAMMAR.parse_interactive(text)
    depth = _Depth()
    try:
        for token in parser.iter_parse():
            depth.check(token)
        tree = parser.feed_eof()  # type: ignore[no-untyped-call]
    except UnexpectedInput as error:
        raise _unexpected(error, parser, text) from None
    if not isinstance(tree, Tree):
        raise TypeError(f"the grammar gives no tree: {tree!r}")
    return tree


def refusal(message: str, position: int, expected: str) -> InvalidQuery:
    """The error of a query that cannot be read at this position."""
    return InvalidQuery(f"position {position}: {message}", position=position, expected=expected)


@dataclass(slots=True)
class _Depth:
    """Parentheses and signs that are open: how many signs in each parenthesis."""

    signs: list[int] = field(default_factory=lambda: [0])

    def check(self, token: Token) -> None:
        if token.type == "_OPEN":
            self.signs.append(0)
        elif token.type in {"_NOT", "_MUST", "DASH"}:
            self.signs[-1] += 1
        elif token.type != "FIELD":
            if token.type == "_CLOSE" and len(self.signs) > 1:
                self.signs.pop()
            self.signs[-1] = 0
        if len(self.signs) - 1 + sum(self.signs) > MAX_DEPTH:
            raise refusal(f"parentheses and signs go at most {MAX_DEPTH} deep", token.start_pos or 0, "a word")


def check_characters(text: str) -> None:
    """Raises InvalidQuery for a text that is too long, or cannot be sent anywhere."""
    if len(text) > MAX_CHARACTERS:
        message = f"a query has at most {MAX_CHARACTERS} characters, this one has {len(text)}"
        raise refusal(message, MAX_CHARACTERS, "the end")
    try:
        text.encode()
        unescaped(text).encode()
    except UnicodeEncodeError as error:
        raise refusal("half of a surrogate pair is no character", min(error.start, len(text)), "text") from None


def unescaped(text: str, *, keep: str = "") -> str:
    """Text with its escapes resolved: `\\:` is the character, `\\u0062` the letter b.

    Args:
        keep: characters that stay escaped.
    """
    if "\\" not in text:
        return str(text)
    found = _ESCAPE.sub(lambda match: _escaped_character(match, keep), text)
    return _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), found)


def _escaped_character(match: re.Match[str], keep: str) -> str:
    found = chr(int(match[1], 16)) if match[1] else match[2]
    return f"\\{found}" if found in keep else found


def _unexpected(error: UnexpectedInput, parser: InteractiveParser, text: str) -> InvalidQuery:
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    position = len(text) if at_end else int(error.pos_in_stream or 0)
    wanted = parser.accepts()  # type: ignore[no-untyped-call]
    names = list(dict.fromkeys(name for kind, name in _EXPECTED.items() if kind in wanted))
    expected = ", ".join(names) or "something else"
    if position >= len(text):
        return refusal(f"found the end of the query, expected {expected}", position, expected)
    found = text[position : position + 20]
    hint = f"; to search for `{found[0]}` itself write \\{found[0]} or use quotes" if found[0] in _SPECIAL else ""
    return refusal(f"found `{found}`, expected {expected}{hint}", position, expected)
