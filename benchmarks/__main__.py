"""`make bench`: what the product promises, measured beside a baseline in the same run.

python -m benchmarks [name …] [--quick]
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import bringing, command_line, loaders, registration, restart, streaming, vectors, writing
from benchmarks.measure import Figure

BENCHMARKS: dict[str, Callable[..., list[Figure]]] = {
    "import": bringing.run,
    "registration": registration.run,
    "writing": writing.run,
    "streaming": streaming.run,
    "loaders": loaders.run,
    "restart": restart.run,
    "vectors": vectors.run,
    "commands": command_line.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark `{unknown[0]}`; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(f"{platform.machine()}, Python {platform.python_version()}\n")
    print("| what | measured | baseline | ratio | goal |\n|---|---|---|---|---|")
    for name in arguments.names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="hyperdatasets-bench-") as folder:
            for figure in BENCHMARKS[name](Path(folder), scale=0.1 if arguments.quick else 1.0):
                print(figure.row(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
