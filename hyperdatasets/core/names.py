"""Names that people give: what is allowed, and which one was probably meant."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from hyperdatasets.core.errors import InvalidName, NotFound

MAX_NAME = 128  # characters
MAX_PROJECT = 512  # characters of a whole path
_SHOWN = MAX_PROJECT + 1 + MAX_NAME  # characters in an error: whatever can be a name is shown whole
_LEAST_PART = 3  # characters of a name that other names are found by
MAX_COMPARED = 10_000  # candidates that `nearest` looks at


def check_name(kind: str, text: str) -> str:
    """Returns the name of a dataset, version, view, site or experiment, or says what is wrong with it."""
    if not text:
        raise InvalidName(f"a name is missing: {_with_article(kind)} has one", kind=kind)
    problem = _problem(text)
    if problem is None and kind == "view" and "@" in text:
        problem = "`@` separates a view's name from its digest"
    if problem is not None:
        raise InvalidName(f"{_shown(text)} cannot be the name of {_with_article(kind)}: {problem}", kind=kind)
    return text


def check_project(path: str) -> str:
    """Returns a project path such as `clinic/blood`; `""` is the project of what was put into none."""
    if len(path) > MAX_PROJECT:
        raise InvalidName(f"a project path has at most {MAX_PROJECT} characters, this one has {len(path)}")
    for part in path.split("/") if path else ():
        problem = _problem(part) if part else "a part between two `/`, or before or behind one, is empty"
        if problem is not None:
            raise InvalidName(f"{_shown(path)} cannot be a project: {problem}", kind="project")
    return path


def split_dataset(text: str) -> tuple[str, str]:
    """`clinic/blood/bccd` -> (`clinic/blood`, `bccd`); a bare name has the project `""`."""
    project, _, name = text.rpartition("/")
    return check_project(project), check_name("dataset", name)


def placed(text: str, project: str) -> tuple[str, str]:
    """(project, name) of a copy: `project/name` says another project than that of what is copied."""
    above, slash, name = text.rpartition("/")
    return (above if slash else project), name


def nearest(name: str, candidates: Iterable[str], *, count: int = 3) -> list[str]:
    """Up to `count` candidates that look like the name, the most alike first; then those that hold it as a part.

    Case does not matter.
    """
    folded: dict[str, str] = {}
    for candidate in candidates:
        folded.setdefault(candidate.casefold(), candidate)
        if len(folded) == MAX_COMPARED:
            break
    wanted = name.casefold()[:MAX_NAME]
    close = difflib.get_close_matches(wanted, folded, n=count, cutoff=0.6)
    longer = [each for each in folded if len(wanted) >= _LEAST_PART and wanted in each and each not in close]
    return [folded[match] for match in [*close, *longer][:count]]


def did_you_mean(names: Iterable[str]) -> str:
    """` Did you mean a or b?`, with a leading blank; empty for no names."""
    listed = " or ".join(names)
    return f" Did you mean {listed}?" if listed else ""


def not_found(kind: str, name: str, candidates: Iterable[str]) -> NotFound:
    """The error for a name that is not there, with the nearest of the candidates (names the caller may list)."""
    if not name.rpartition("/")[2]:
        return NotFound(f"no {kind} is named: the name or the id is empty", kind=kind, name=name, nearest="")
    close = nearest(name, candidates)
    message = f"there is no {kind} {_shown(name)}.{did_you_mean(close)}"
    return NotFound(message, kind=kind, name=name, nearest=", ".join(close))


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def _problem(text: str) -> str | None:
    problems = (
        (not text, "it is empty"),
        (len(text) > MAX_NAME, f"it has {len(text)} characters, {MAX_NAME} are allowed"),
        (text in {".", ".."}, "`.` and `..` mean folders"),
        ("/" in text, "`/` separates projects"),
        (text != text.strip(), "it begins or ends with a blank"),
        (any(unicodedata.category(char)[0] == "C" for char in text), "it has characters that cannot be printed"),
    )
    return next((words for wrong, words in problems if wrong), None)


def _shown(text: str) -> str:
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:_SHOWN])
    return f"`{shown}{'…' if len(text) > _SHOWN else ''}`"
