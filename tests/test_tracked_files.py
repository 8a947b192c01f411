from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MACHINE_PATH = re.compile(rb"(?<![\w.$}])/(?:root|home/(?!ada\b|\$|<|\{)[a-z]\w*|work)/[\w.]")
"""A path that exists on somebody's machine; /home/ada is nobody's."""


def tracked() -> list[Path]:
    """Files under version control."""
    try:
        listing = subprocess.run(
            ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("git, which lists the tracked files")
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name]


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}"
        for path in tracked()
        if path.is_file() and not path.is_relative_to(ROOT / "tests" / "samples")
        for match in MACHINE_PATH.finditer(path.read_bytes())
    ]
    assert not found


def test_notebooks_carry_no_outputs() -> None:
    for path in ROOT.glob("notebooks/*.ipynb"):
        text = path.read_text()
        assert '"outputs": []' in text
        assert '"output_type"' not in text, path
        assert re.search(r'"execution_count": \d', text) is None, path


def test_no_build_output_is_tracked() -> None:
    built = {"labextension", "__pycache__", "node_modules"}
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        assert not built & set(parts[1:]), path


def test_links_between_pages_lead_somewhere() -> None:
    pages = [path for path in tracked() if path.suffix == ".md"]
    assert ROOT / "docs" / "sites.md" in pages
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"
