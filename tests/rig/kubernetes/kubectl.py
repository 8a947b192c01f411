"""kubectl as the administrator, or as somebody else."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.daemons import RigError


@dataclass(frozen=True, slots=True)
class Kubectl:
    program: Path
    kubeconfig: Path

    def attempt(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run to the end, whatever comes of it."""
        argv = [str(self.program), f"--kubeconfig={self.kubeconfig}"]
        cache = f"--cache-dir={self.kubeconfig.parent / 'cache'}"
        return subprocess.run(
            [*argv, cache, *words], input=stdin, capture_output=True, text=True, check=False
        )

    def run(self, *words: str, stdin: str = "") -> str:
        """What it printed; RigError with its own words."""
        done = self.attempt(*words, stdin=stdin)
        if done.returncode:
            raise RigError(f"kubectl {' '.join(words)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def get(self, *words: str) -> dict[str, Any]:
        """An object or a list of them, as the API server has it."""
        found: dict[str, Any] = json.loads(self.run("get", *words, "--output=json"))
        return found

    def apply(self, *objects: dict[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.run("apply", "--filename=-", stdin=json.dumps(items))

    def as_somebody(self, kubeconfig: Path) -> Kubectl:
        return Kubectl(self.program, kubeconfig)
