"""``connect`` at a real Slurm site behind a real sshd, with and without a person."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import subprocess
import termios
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.cli.commands import COMMAND, SECONDS, continuum, told
from tests.rig.site import SlurmSite

pytestmark = pytest.mark.slurm


def words_for(site: SlurmSite, door: str, python: Path) -> list[str]:
    return [
        *("connect", site.spec.name, "--name", "The rig", "--no-agent"),
        *("--host", site.spec.login_address, "--port", str(site.login.ports[door])),
        *("--user", site.spec.user, "--key", str(site.login.key)),
        *("--work-directory", str(site.work), "--python", str(python)),
    ]


def saved(broker: Any, site: SlurmSite) -> dict[str, Any]:
    folder = broker.state / "config" / "continuum" / "profiles"
    found: dict[str, Any] = json.loads((folder / f"{site.spec.name}.json").read_text())
    return found


class Terminal:
    """A command at a terminal of its own, where it can ask in private."""

    def __init__(self, words: list[str]) -> None:
        self.leader, follower = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(follower)
        self.shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.leader)

    def expect(self, text: str) -> None:
        """Read on until ``text`` is shown anew."""
        fresh = ""
        while text not in fresh:
            part = self._read()
            assert part, f"{text!r} never came:\n{self.shown}"
            fresh += part
            self.shown += part

    def type(self, line: str) -> None:
        os.write(self.leader, f"{line}\n".encode())

    def status(self) -> int:
        """Its exit status, once it has ended."""
        while part := self._read():
            self.shown += part
        return self.process.wait(SECONDS)

    def _read(self) -> str:
        """What is shown next; "" at the end, or when nothing comes for long."""
        if not select.select([self.leader], [], [], SECONDS)[0]:
            return ""
        try:
            return os.read(self.leader, 4096).decode(errors="replace")
        except OSError:  # the other end is closed
            return ""


def test_flags_alone_connect_and_pin_the_host_key(
    broker: Any, slurm_site: SlurmSite, worker_python: Path
) -> None:
    account = ["--account", "proj_1234"] if slurm_site.spec.accounts else []
    ran = continuum(*words_for(slurm_site, "key", worker_python), *account, "--yes")
    assert ran.status == 0, ran.err
    login = saved(broker, slurm_site)["ssh"]
    assert login["host_key"].split()[:2] == slurm_site.login.host_key.split()[:2]
    assert any(offer["launchable"] for offer in told("offers", "--site", slurm_site.spec.name))
    assert continuum("doctor").out.count("not ok") == 0


def test_without_a_person_a_new_host_key_is_not_trusted(
    broker: Any, slurm_site_a: SlurmSite, worker_python: Path
) -> None:
    words = words_for(slurm_site_a, "key", worker_python)
    found = subprocess.Popen(
        [*COMMAND, *words], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert found.stderr is not None
    assert "There is no terminal to ask at" in found.stderr.readline()
    [prompt] = told_prompts()
    answer(prompt["id"], None)
    assert found.wait(SECONDS) == 1
    found.stderr.close()


def test_a_wrong_host_key_is_refused(
    broker: Any, slurm_site_a: SlurmSite, worker_python: Path
) -> None:
    encoding = serialization.Encoding.OpenSSH
    of_another = Ed25519PrivateKey.generate().public_key()
    wrong = of_another.public_bytes(encoding, serialization.PublicFormat.OpenSSH).decode()
    words = words_for(slurm_site_a, "key", worker_python)
    ran = continuum(*words, "--host-key", wrong, "--yes")
    assert ran.status == 1
    assert "host key" in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_a_person_confirms_types_a_code_and_chooses_an_account(
    broker: Any, slurm_site_b: SlurmSite, worker_python: Path
) -> None:
    with Terminal(words_for(slurm_site_b, "code", worker_python)) as terminal:
        terminal.expect("(yes/no)")
        terminal.type("yes")
        terminal.expect("ode")
        code = slurm_site_b.login.code()
        terminal.type(code)
        terminal.expect("Which account")
        terminal.type("proj_1234")
        terminal.expect("QoS")
        terminal.type("n")
        assert terminal.status() == 0, terminal.shown
    assert code not in terminal.shown
    assert code not in broker.log
    profile = saved(broker, slurm_site_b)
    assert profile["account"] == "proj_1234"
    assert profile["ssh"]["host_key"]


def told_prompts() -> list[dict[str, Any]]:
    from jupyter_continuum.broker.client import call_broker

    found: list[dict[str, Any]] = call_broker("prompts")
    return found


def answer(id: str, value: str | None) -> None:
    from jupyter_continuum.broker.client import call_broker

    call_broker("answer", id=id, value=value)


def test_what_other_programs_know_is_offered_or_said_why_not(broker: Any) -> None:
    home = broker.state / "home"
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host uni\n  HostName login.uni.example\n  User ada\n")
    (home / ".kube").mkdir()
    context = {"name": "cloud", "context": {"cluster": "gpu-cloud"}}
    adrift = {"name": "adrift", "context": {}}
    (home / ".kube" / "config").write_text(json.dumps({"contexts": [context, adrift]}))
    with Terminal(["connect"]) as terminal:
        terminal.expect("Which site?")
        assert "uni  from your ssh config" in terminal.shown
        assert "cloud  from your kubeconfig: cluster gpu-cloud" in terminal.shown
        assert "adrift, from your kubeconfig" in terminal.shown
        assert "it names no cluster" in terminal.shown
