"""The lists of splits of an export."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.writing import Placed

OTHER_SPLIT = "splits in the metadata that are not those of the export"
NOT_LISTED = "splits of pictures whose path a list cannot hold"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", re.ASCII)


@dataclass(slots=True)
class SplitFiles:
    """Pictures by split; `everything` is what stands for all pictures where there are no splits."""

    ledger: Ledger
    everything: str = "images"
    _splits: dict[str, list[str]] = field(default_factory=dict)
    _paths: list[str] = field(default_factory=list)

    @property
    def has_pictures(self) -> bool:
        return bool(self._paths)

    def add(self, placed: Placed, path: str) -> None:
        """Puts a picture into the list of its split."""
        known = placed.frame.get("meta", {}).get("split", "")
        split = placed.split or (known if isinstance(known, str) else "")
        self._paths.append(path)
        if not isinstance(known, str) or known not in {"", split}:
            self.ledger.lose("splits", placed.frame["id"], OTHER_SPLIT, str(known)[:60])
        if split and not _can_list(path):
            self.ledger.lose("splits", placed.frame["id"], NOT_LISTED, path)
        elif split:
            self._splits.setdefault(split, []).append(path)
            self.ledger.keep("splits")

    def finished(self, taken: Collection[str]) -> tuple[list[tuple[str, bytes]], Mapping[str, str]]:
        """The lists with their content, and split -> its list.

        Args:
            taken: files that are there already.
        """
        names: dict[str, str] = {}
        used = set(taken)
        for number, split in enumerate(self._splits, start=1):
            name = f"{split}.txt" if _PLAIN.fullmatch(split) else f"split-{number}.txt"
            while name in used:
                name = f"{name[:-4]}-{number}.txt"
            used.add(name)
            names[split] = name
        lists = [(names[split], _lines(paths)) for split, paths in self._splits.items()]
        if not names and not all(path.startswith("images/") for path in self._paths):
            self.everything = "pictures.txt"
            lists.append((self.everything, _lines(self._paths)))
        return lists, names


def _lines(paths: list[str]) -> bytes:
    return "".join(f"./{path}\n" for path in sorted(paths)).encode()


def _can_list(path: str) -> bool:
    return path.isprintable() and path == path.strip() and "\\" not in path
