"""`python -m node FOLDER`: runs the node of a folder until it is told to stop."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from pathlib import Path

from hyperdatasets import allocator
from hyperdatasets.core.advice import on_command_line
from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.log_lines import to_stderr
from hyperdatasets.private_folder import keep_new_files_private
from hyperdatasets.stopping import told_to_stop
from node.server import Node


def main() -> int:
    parser = argparse.ArgumentParser(prog="node", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the node, with node.toml")
    folder = parser.parse_args().folder
    allocator.tune()
    keep_new_files_private()
    to_stderr(logging.INFO)
    try:
        node = Node(folder).start()
    except HyperdatasetsError as error:
        print(f"error: {on_command_line(error.message)}", file=sys.stderr)
        return 1
    gc.freeze()
    with told_to_stop() as wait:
        print(f"ready on {node.address}", flush=True)
        wait()
    node.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
