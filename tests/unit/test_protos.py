"""The contract and what is generated from it belong together."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted((ROOT / "protos").rglob("*.proto"))


def test_stubs_are_fresh():
    result = subprocess.run(
        [sys.executable, ROOT / "protos" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)
def test_every_element_is_commented(proto):
    bare = []
    lines = proto.read_text().splitlines()
    for number, line in enumerate(lines):
        element = re.match(r"\s*(message|service|enum|oneof|rpc|[\w.<>, ]+ \w+ = \d+;|[A-Z_0-9]+ = \d+;)", line)
        if element and not lines[number - 1].strip().startswith("//"):
            bare.append(f"{number + 1}: {line.strip()}")
    assert not bare


@pytest.mark.parametrize("proto", PROTOS, ids=lambda path: path.stem)
def test_enums_begin_with_unspecified(proto):
    for body in re.findall(r"enum \w+ \{(.*?)\}", proto.read_text(), flags=re.DOTALL):
        first = re.search(r"(\w+) = 0;", body)
        assert first is not None
        assert first[1].endswith("_UNSPECIFIED")
