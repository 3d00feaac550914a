"""Checks as users hold them: files of checks, and reports of what they found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hyperdatasets.core.checks import MAX_TEXT
from hyperdatasets.core.errors import InvalidChecks, NotFound
from hyperdatasets.core.tables import Table
from hyperdatasets.v1 import check_service_pb2 as pb


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`measured` and `expected` in words; `frame_ids` are some of the `offending` frames."""

    name: str
    passed: bool
    measured: str
    expected: str
    frame_ids: tuple[str, ...]
    offending: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """True in a condition if every check holds; `digest` is the version's when the checks ran."""

    id: str
    passed: bool
    results: tuple[CheckResult, ...]
    digest: str
    ran_by: str
    ran_at: str
    checks: str
    gate: bool
    forced: bool

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        state = "passed" if self.passed else "failed, and published all the same" if self.forced else "failed"
        title = f"CheckReport({state}, {'gate, ' if self.gate else ''}by {self.ran_by or 'nobody'} at {self.ran_at})"
        rows = [
            (each.name, each.passed, each.measured, each.expected, each.offending, [*each.frame_ids, *each.warnings])
            for each in self.results
        ]
        return Table(title, ("check", "passed", "measured", "expected", "frames against it", "such as"), rows)


def read_checks(path: str | Path) -> str:
    """The text of a file of checks."""
    file = Path(path).expanduser()
    try:
        with file.open("rb") as opened:
            data = opened.read(4 * MAX_TEXT + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}", kind="file", name=str(file)) from None
    if len(data) > 4 * MAX_TEXT:
        raise InvalidChecks(f"{file}: a file of checks has at most {MAX_TEXT} characters")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidChecks(f"{file}: line {line}: this is not UTF-8") from None
    if not text.strip():
        raise InvalidChecks(f"{file}: the file is empty; it begins with `checks:`")
    return text


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Puts the name of the file, if there is one, before what the service finds wrong in its checks."""
    try:
        yield
    except InvalidChecks as error:
        if not path:
            raise
        raise InvalidChecks(f"{Path(path)}: {error.message}", **error.fields) from None


def report(message: pb.CheckReport) -> CheckReport:
    results = tuple(
        CheckResult(
            each.name, each.passed, each.measured, each.expected, tuple(each.frame_ids), each.offending,
            tuple(each.warnings),
        )
        for each in message.results
    )  # fmt: skip
    return CheckReport(
        message.id, message.passed, results, message.version_digest, message.ran_by, message.ran_at.ToJsonString(),
        message.checks, message.gate, message.forced,
    )  # fmt: skip
