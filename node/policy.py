"""What a site allows: a TOML file that only its operator can change, and one pure function that decides.

[[allow]]
datasets = ["clinic/blood/bccd"]     # names or ids; "clinic/blood/*" for a project
principals = ["trainer"]             # names of client certificates; "*" for all
purposes = ["research"]              # as claimed; "*" for any
expires = 2027-01-01                 # optional
local_columns = ["consent"]          # optional: private columns that a view may ask for
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path

from hyperdatasets.core.errors import InvalidPolicy
from hyperdatasets.core.section import Section

FILE = "policy.toml"
ANY = "*"
SECTION = "allow"
KEYS = ("datasets", "principals", "purposes", "expires", "local_columns")
"""Keys of a section; `docs/policy.md` explains them."""


@dataclass(frozen=True, slots=True)
class Allow:
    """One rule; `expires_ms` 0 = never."""

    id: str
    datasets: tuple[str, ...]
    principals: tuple[str, ...]
    purposes: tuple[str, ...]
    expires_ms: int = 0
    local_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules of which one has to allow a request; none at all allow nothing. `digest` tells policies apart."""

    rules: tuple[Allow, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for.

    Attributes:
        datasets: id -> `project/name`, as this site registered it.
        elsewhere: the same of datasets that were never registered here, as the service calls them.
    """

    datasets: Mapping[str, str]
    principal: str
    purpose: str
    now_ms: int
    local_columns: tuple[str, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """`rule` is the id of what decided; `reason` is for the site's own eyes."""

    allowed: bool
    rule: str
    reason: str


def decide(policy: Policy, request: Request) -> Decision:
    """Whether one rule allows all datasets of a request; otherwise why the nearest rule does not."""
    if not policy.rules:
        return Decision(allowed=False, rule="no-policy", reason="the policy allows nothing")
    decisions = [_judge(rule, request) for rule in policy.rules]
    return next((each for each in decisions if each.allowed), decisions[-1])


def load(path: Path) -> Policy:
    """The policy in a file; a missing file is a policy that allows nothing.

    Raises:
        InvalidPolicy: with the place and what was expected.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Policy()
    except OSError as error:
        raise InvalidPolicy(f"{path.name}: cannot be read: {error.strerror}") from None
    try:
        plain = tomllib.loads(data.decode())
    except ValueError as error:
        raise InvalidPolicy(f"{path.name}: {error}") from None
    top = Section(plain, "", lambda said: InvalidPolicy(f"{path.name}: {said}"), (SECTION,))
    numbers = iter(range(1, 10_000))
    rules = top.sections(SECTION, KEYS, lambda section: _rule(section, next(numbers)), limit=1_000)
    return Policy(rules, hashlib.sha256(data).hexdigest())


def open_policy() -> Policy:
    """What an open node without a policy file allows: everything that was registered at it."""
    rule = Allow("open-profile", (ANY,), (ANY,), (ANY,), local_columns=(ANY,))
    return Policy((rule,), "open")


def _rule(section: Section, number: int) -> Allow:
    for key in ("datasets", "principals", "purposes"):
        if not section.texts(key):
            raise section.fail(key, 'a list of at least one text; ["*"] for any')
    return Allow(
        f"allow-{number}", section.texts("datasets"), section.texts("principals"), section.texts("purposes"),
        _expiry(section), section.texts("local_columns"),
    )  # fmt: skip


def _expiry(section: Section) -> int:
    value = section.raw("expires")
    if value is None:
        return 0
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time(), UTC)
    if not isinstance(value, datetime):
        raise section.fail("expires", "a date, such as 2027-01-01")
    return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)


def _judge(rule: Allow, request: Request) -> Decision:
    outside = [name for each, name in request.datasets.items() if not _names(rule.datasets, each, name)]
    beyond = [name or each for each, name in request.elsewhere.items() if not _names(rule.datasets, each, name)]
    columns = [
        each for each in request.local_columns if ANY not in rule.local_columns and each not in rule.local_columns
    ]
    problems = (
        (bool(outside), _missing("dataset", outside, "datasets")),
        (bool(beyond), f"{_missing('dataset', beyond, 'datasets')}, and was never registered here"),
        (
            not _holds(rule.principals, request.principal),
            _missing("principal", [request.principal], "principals"),
        ),
        (not _holds(rule.purposes, request.purpose), _missing("purpose", [request.purpose], "purposes")),
        (bool(rule.expires_ms) and request.now_ms >= rule.expires_ms, "the rule has expired"),
        (bool(columns), _missing("local column", columns, "local_columns")),
    )
    reason = next((text for wrong, text in problems if wrong), "")
    return Decision(allowed=not reason, rule=rule.id, reason=reason or "allowed")


def _missing(what: str, names: Sequence[str], key: str) -> str:
    return f"{what} `{names[0]}` is not listed in {key} of {FILE}" if names else ""


def _holds(listed: Sequence[str], name: str) -> bool:
    return ANY in listed or name in listed


def _names(listed: Sequence[str], dataset_id: str, name: str) -> bool:
    projects = [each.removesuffix("*") for each in listed if each.endswith("/*")]
    return _holds(listed, name) or dataset_id in listed or any(name.startswith(project) for project in projects)
