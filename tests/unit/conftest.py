"""What a reader of a format does with the files of a folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hyperdatasets.formats.folder import Folder


@pytest.fixture
def paths_given_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Note the paths that a method of `Folder` (`open`, `read`) is called with, from the call of this on."""

    def note(method: str) -> list[str]:
        paths: list[str] = []
        real = getattr(Folder, method)

        def noted(self: Folder, path: str) -> Any:
            paths.append(path)
            return real(self, path)

        monkeypatch.setattr(Folder, method, noted)
        return paths

    return note
