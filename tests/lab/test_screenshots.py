"""README's pictures are made by one command, of the demo as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {
    Path(name).name
    for name in re.findall(r"\]\((docs/images/[^)]+)\)", Path(ROOT / "README.md").read_text())
}
LARGEST_BYTES = 250_000


def test_readme_shows_what_is_kept_and_no_more() -> None:
    kept = [*(ROOT / "docs" / "images").iterdir()]
    assert {path.name for path in kept} == PICTURES
    assert all(path.stat().st_size < LARGEST_BYTES for path in kept)


@pytest.mark.full
@pytest.mark.lab
def test_one_command_makes_them_anew(tmp_path: Path) -> None:
    program = ROOT / "docs" / "screenshots.py"
    subprocess.run([sys.executable, program, tmp_path], check=True, timeout=600)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(made) == PICTURES
    assert all(data.startswith(b"\x89PNG") for data in made.values())
