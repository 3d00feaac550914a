"""Help and completion load no more than they show."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from hyperdatasets.cli.lazy import LazyCommand
from hyperdatasets.cli.main import app
from hyperdatasets.version import __version__

_HEAVY = {"grpc", "google", "numpy", "pandas", "pyarrow", "PIL", "sqlite_utils", "pyroaring", "lark", "cryptography"}
_LOADED = """
import sys
from hyperdatasets.cli.main import main
sys.argv = ["hyperdatasets", *{arguments!r}]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(("arguments", "environment", "said"), [
    (["--help"], {}, "experiment"),
    (["--version"], {}, __version__),
    ([], {"_HYPERDATASETS_COMPLETE": "complete_bash", "COMP_WORDS": "hyperdatasets vi", "COMP_CWORD": "1"}, "view"),
])  # fmt: skip
def test_help_and_completion_load_no_libraries(arguments: list[str], environment: dict[str, str], said: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _LOADED.format(arguments=arguments)], env=os.environ | environment,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in answer.stderr.split()}
    assert said in answer.stdout
    assert "typer" in loaded
    assert not loaded & _HEAVY


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group
def test_what_a_command_is_said_to_do_is_what_it_says(name: str) -> None:
    lazy = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert isinstance(lazy, LazyCommand)
    assert (lazy.command.help or "").partition("\n\n")[0].replace("\n", " ") == lazy.help
