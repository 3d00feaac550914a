"""Files of settings: what is wrong in one is told with the file's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import metadata_service.config
import node.config
from hyperdatasets.core.errors import InvalidArgument
from node import policy


def service(path: Path) -> Any:
    return metadata_service.config.load(file=path, environment={})


def of_node(path: Path) -> Any:
    return node.config.load(path.parent)


@pytest.mark.parametrize(
    ("name", "text", "words", "read"),
    [
        ("serve.toml", "prot = 1", "prot: there is no such key. Did you mean port", service),
        ("serve.toml", "port = 'x'", "port: expected a whole number", service),
        ("serve.toml", "data = 5", "data: expected a path", service),
        ("serve.toml", "port = ", "cannot be read: Invalid value", service),
        ("node.toml", "sit = 'x'", "sit: there is no such key. Did you mean site", of_node),
        ("node.toml", "roots = 5", "roots: expected aliases", of_node),
        ("policy.toml", "alow = 5", "alow: there is no such key. Did you mean allow", policy.load),
        ("policy.toml", "[[allow]]", r"allow\[0\].datasets: expected a list", policy.load),
    ],
)  # fmt: skip
def test_an_error_in_a_file_of_settings_names_the_file(
    name: str, text: str, words: str, read: Callable[[Path], Any], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidArgument, match=f"{name}: {words}"):
        read(path)
