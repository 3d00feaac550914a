"""`check`: declared expectations on versions."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyperdatasets.cli.given import Dataset, Version, given_dataset, given_version
from hyperdatasets.cli.output import CHECK_FAILED, Json, commands, done, say, shortened, show, warn
from hyperdatasets.core.wording import counted

if TYPE_CHECKING:
    from hyperdatasets.client.checks import CheckReport

app = commands("Checks: what must hold of a version, and what was found.")


@app.command()
def run(
    dataset: Dataset,
    file: Annotated[Path | None, typer.Argument(help="YAML file with checks; default: the dataset's gate.")] = None,
    version: Version = "",
    as_json: Json = False,
) -> None:
    """Run checks on a version and store the report with it; exit code 7 if one fails."""
    report = given_version(dataset, version).check(file or "")
    _show(report, as_json=as_json)
    if not report.passed:
        raise typer.Exit(CHECK_FAILED)


@app.command("show")
def show_command(dataset: Dataset, version: Version = "", as_json: Json = False) -> None:
    """Show the reports of a version, the newest first; the newest in full."""
    found = given_version(dataset, version).check_reports()
    if as_json:
        show([asdict(each) for each in found], as_json=True)
        return
    if not found:
        say("no checks ran on this version")
        return
    _show(found[0], as_json=False)
    for older in found[1:]:
        say(_headline(older))


@app.command()
def gate(
    dataset: Dataset,
    file: Annotated[Path | None, typer.Argument(help="YAML file with checks; without one the gate is shown.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Publish without checks again.")] = False,
    as_json: Json = False,
) -> None:
    """Make checks the gate that every version must pass to be published."""
    handle = given_dataset(dataset)
    if remove:
        handle.remove_gate()
        text = f"{handle.address} has no gate any more"
    elif file is not None:
        handle.set_gate(file)
        text = f"versions of {handle.address} must pass {file} to be published"
    else:
        text = handle.gate or f"{handle.address} has no gate"
    done(text, {"dataset": handle.address, "gate": handle.gate}, as_json=as_json)


def _show(report: CheckReport, *, as_json: bool) -> None:
    if as_json:
        show(asdict(report), as_json=True)
        return
    for each in report.results:
        say(f"{'passed' if each.passed else 'FAILED'}  {each.name}: {each.measured}")
        if not each.passed:
            say(f"        expected {each.expected}{_frames(each.frame_ids, each.offending)}")
        for text in each.warnings:
            warn(f"{each.name}: {text}")
    say(_headline(report))


def _headline(report: CheckReport) -> str:
    failed = sum(not each.passed for each in report.results)
    checks = counted(len(report.results), "check")
    verdict = f"{failed} of {checks} failed" if failed else f"{checks} passed"
    how = ", published by force" if report.forced else ", at the gate" if report.gate else ""
    return f"{verdict}{how}; {report.ran_at} by {report.ran_by}, content {shortened(report.digest, 19)}"


def _frames(ids: Any, offending: int) -> str:
    more = f" and {offending - len(ids)} more" if offending > len(ids) else ""
    return f"; frames: {', '.join(ids)}{more}" if ids else ""
