"""Checks on versions: evaluated, kept as reports, and as the gate that a version must pass to be published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from hyperdatasets.core.checks import Check, from_yaml
from hyperdatasets.core.errors import ChecksFailed, HyperdatasetsError
from hyperdatasets.core.expectations import DIGESTS, NoDuplicates
from metadata_service.catalog import versions
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.measures import Measured, Subject, measure
from metadata_service.catalog.stamps import new_id
from metadata_service.store.protocol import Reading, Row, Writing

KEPT = 50  # reports of a version, beside those that let it through a gate


def gate_of(reading: Reading, dataset: str) -> Row | None:
    return reading.one("check_gates", dataset=dataset)


def set_gate(writing: Writing, caller: Caller, now_ms: int, dataset: str, text: str) -> None:
    """Makes these checks the dataset's gate; an empty text opens it."""
    if not text:
        writing.delete("check_gates", dataset=dataset)
        return
    from_yaml(text)
    writing.replace("check_gates", {"dataset": dataset, "checks": text, "set_by": caller.name, "set_ms": now_ms})


def run(deployment: Deployment, reading: Reading, caller: Caller, version: Row, text: str) -> Row:
    """Evaluates checks on a version as it is now; returns the report, which is not kept yet."""
    subject = Subject(deployment, reading, caller, version)
    results = [_result(subject, check) for check in from_yaml(text)]
    return {
        "id": new_id(), "version": version["id"], "digest": versions.digest(reading, version), "checks": text,
        "results_json": orjson.dumps(results).decode(), "passed": int(all(each["passed"] for each in results)),
        "gate": 0, "forced": 0, "ran_by": caller.name, "ran_ms": deployment.now_ms(),
    }  # fmt: skip


def keep(writing: Writing, report: Row) -> None:
    """Stores a report with its version; the oldest make room."""
    writing.insert("check_reports", report)
    others = writing.rows("check_reports", order="number DESC", version=report["version"], gate=0)
    for old in others[KEPT:]:
        writing.delete("check_reports", id=old["id"])


def reports(reading: Reading, version: str) -> list[Row]:
    """The newest first."""
    return reading.rows("check_reports", order="number DESC", version=version)


def prepare_gate(deployment: Deployment, dataset: str) -> None:
    """Does beforehand what needs no version: nobody can write while a gate is evaluated."""
    with deployment.store.reading() as reading:
        gate = gate_of(reading, dataset)
    if gate is not None and any(each.expectation == NoDuplicates(DIGESTS) for each in from_yaml(gate["checks"])):
        deployment.content_keys.prepare(deployment.store, dataset)


def pass_gate(deployment: Deployment, writing: Writing, caller: Caller, version: Row, *, force: bool) -> bool:
    """Evaluates the gate in the transaction that publishes, so that no write comes between; keeps the report.

    Returns:
        Whether the version goes through by force although checks fail.

    Raises:
        ChecksFailed: checks fail, without force.
    """
    gate = gate_of(writing, version["dataset"])
    if gate is None:
        return False
    report = run(deployment, writing, caller, version, gate["checks"])
    if not report["passed"] and not force:
        raise _refused(version, report)
    forced = not report["passed"]
    keep(writing, report | {"gate": 1, "forced": int(forced)})
    return forced


@contextmanager
def refusals_kept(deployment: Deployment, caller: Caller) -> Iterator[None]:
    """Keeps the report of a gate that was not passed: the transaction that tried to publish leaves nothing behind."""
    try:
        yield
    except ChecksFailed as error:
        version = error.fields["version"]
        with deployment.store.writing() as writing:
            row = writing.one("versions", id=version)
            gate = None if row is None else gate_of(writing, row["dataset"])
            if row is not None and gate is not None:
                keep(writing, run(deployment, writing, caller, row, gate["checks"]))
        raise


def _refused(version: Row, report: Row) -> ChecksFailed:
    failed = [each for each in orjson.loads(report["results_json"]) if not each["passed"]]
    said = "; ".join(f"{each['name']}: {each['measured']}, expected {each['expected']}" for each in failed[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    return ChecksFailed(
        f"version `{version['name']}` does not pass the checks of its dataset: {said}{more}. "
        "Correct the frames, or publish with `option force`",
        version=version["id"], failed=len(failed),
    )  # fmt: skip


def _result(subject: Subject, check: Check) -> Row:
    """A check that cannot be measured, such as one over a view that is not there, does not hold."""
    try:
        found = measure(subject, check)
    except HyperdatasetsError as error:
        found = Measured(passed=False, words=f"it could not be measured: {error.message}")
    return {
        "name": check.name, "passed": found.passed, "measured": found.words, "expected": check.expected,
        "frame_ids": subject.frame_ids(found.offending), "offending": len(found.offending),
        "warnings": list(found.warnings),
    }  # fmt: skip
