"""`python -m metadata_service`: runs the service until it is told to stop."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from dataclasses import fields

from hyperdatasets.core.advice import on_command_line
from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.log_lines import to_stderr
from hyperdatasets.private_folder import keep_new_files_private
from hyperdatasets.stopping import told_to_stop
from metadata_service.config import ServiceConfig, load
from metadata_service.server import Service


def main() -> int:
    parser = argparse.ArgumentParser(prog="metadata_service", description=__doc__)
    parser.add_argument("--config", help="TOML file with settings")
    for each in fields(ServiceConfig):
        flag = f"--{each.name}"
        if each.type == "bool":
            parser.add_argument(flag, action="store_const", const=True, help=each.metadata["help"])
        else:
            parser.add_argument(flag, help=each.metadata["help"])
    arguments = vars(parser.parse_args())
    keep_new_files_private()
    to_stderr(logging.INFO)
    try:
        service = Service(load(file=arguments.pop("config"), arguments=arguments)).start()
    except HyperdatasetsError as error:
        print(f"error: {on_command_line(error.message)}", file=sys.stderr)
        return 1
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 50)  # bulk writes make many short-lived objects and no cycles
    with told_to_stop() as wait:
        if service.first_token:
            print(f"token of the first admin, shown this once: {service.first_token}", flush=True)
        print(f"ready on {service.address}", flush=True)
        wait()
    service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
