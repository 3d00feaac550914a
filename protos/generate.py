"""Generates `hyperdatasets/v1` from the protos, with the pinned grpcio-tools; `--check` tells whether it is fresh."""

from __future__ import annotations

import filecmp
import os
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"


def generate(out: Path) -> None:
    """Writes modules, stubs for type checkers, and nothing else, below `out`."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    includes = [f"-I{PROTOS}", f"-I{files('grpc_tools') / '_proto'}"]
    os.environ["PATH"] = (
        f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # protoc-gen-mypy lies there
    )
    outputs = [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    if protoc.main(["protoc", *includes, *outputs, *sources]) != 0:
        raise SystemExit("protoc failed; its message stands above")


def stale(fresh: Path, kept: Path) -> list[str]:
    """Names of generated files that differ, are missing, or are no longer generated."""
    names = {path.name for path in fresh.iterdir()} | {path.name for path in kept.glob("*_pb2*")}
    _, mismatch, errors = filecmp.cmpfiles(fresh, kept, sorted(names), shallow=False)
    return sorted(mismatch + errors)


def main() -> None:
    if "--check" not in sys.argv:
        generate(ROOT)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        names = stale(Path(folder) / "hyperdatasets" / "v1", ROOT / "hyperdatasets" / "v1")
    if names:
        raise SystemExit(f"stale: {', '.join(names)}; run `make protos` and commit the result")


if __name__ == "__main__":
    main()
