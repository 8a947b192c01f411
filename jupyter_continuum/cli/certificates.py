"""Short-lived SSH certificates: explains a site's way to one and goes along it as far as it can.

Both ways need the person at a web page once; nothing typed there passes through here.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from jupyter_continuum.broker.sites.renewing import STEP_HELP
from jupyter_continuum.cli.terminal import ask, confirm, say
from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.paths import write_private

FEDERATION_PAGE = "https://docs.my-eurohpc.eu/aai/ssh/"
"""EuroHPC Federation Platform, how to get a certificate (read on 2026-11-22)."""
SECONDS_FOR_A_LOGIN = 300

_CERTIFICATE = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com)"
    r"-cert-v01@openssh\.com [A-Za-z0-9+/]{40,}={0,2}(?: [^\x00-\x1f]*)?"
)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,4096}")
_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]{0,252}")


def wants_federation(host: str) -> bool:
    """True for the login nodes of the EuroHPC Federation Platform."""
    return host.startswith("efp.") or host.endswith(".my-eurohpc.eu")


def step_login(provisioner: str) -> bool:
    """Show ``step ssh login`` and run it if the person agrees; True when it went well."""
    command = ["step", "ssh", "login", "--provisioner", provisioner]
    say("This site takes SSH certificates that last some hours. One command gets one:")
    say(f"    {shlex.join(command)}")
    say("It opens the site's sign-in page and puts the certificate into your SSH agent.")
    if shutil.which("step") is None:
        say(f"`step` is not installed here; {STEP_HELP} says how. Then connect again.")
        return False
    if not os.environ.get("SSH_AUTH_SOCK"):
        say('No SSH agent runs; start one with `eval "$(ssh-agent)"`, then connect again.')
        return False
    if not confirm("Run it now?", default=True):
        return False
    return subprocess.run(command, check=False).returncode == 0


def federation_certificate(key: Path) -> Path | None:
    """Guide the person to a certificate of the EuroHPC Federation Platform; where it was stored."""
    say("This site takes certificates of the EuroHPC Federation Platform, good for about an hour.")
    say(f"  1. Open {FEDERATION_PAGE} and sign in with MyAccessID.")
    say("  2. Copy the command `ssh ... token ...` that the page shows, or the certificate itself.")
    pasted = ask("Paste it here (hidden; left empty, go on without)", secret=True).strip()
    return store_certificate(pasted, key) if pasted else None


def store_certificate(pasted: str, key: Path) -> Path:
    """Put a pasted certificate, or the one a pasted command fetches, beside ``key``."""
    if _CERTIFICATE.fullmatch(pasted) is None:
        pasted = fetch_certificate(pasted, key)
    path = key.with_name(f"{key.name}-cert.pub")
    write_private(path, pasted.encode() + b"\n")
    return path


def fetch_certificate(command: str, key: Path) -> str:
    """Run the page's ``ssh`` command without a shell, its token on no command line."""
    host, port, token = parse_token_command(command)
    if shutil.which("ssh") is None:
        raise SignInRequired(
            "OpenSSH's `ssh` is not installed here, so the certificate cannot be fetched. "
            "Run the page's command elsewhere and paste the certificate it prints."
        )
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        # As an argument the token would be seen by everybody who may list processes.
        write_private(config, f"Host *\n  RemoteCommand token {token}\n".encode())
        arguments = ["ssh", "-F", os.fspath(config), "-i", os.fspath(key), "-p", str(port), host]
        try:
            answer = subprocess.run(
                arguments,
                check=False,
                stdout=subprocess.PIPE,
                text=True,
                timeout=SECONDS_FOR_A_LOGIN,
            )
        except subprocess.TimeoutExpired as error:
            raise SignInRequired(
                f"{host} did not answer within {SECONDS_FOR_A_LOGIN} seconds. Get a new token."
            ) from error
    found = _CERTIFICATE.search(answer.stdout)
    if answer.returncode or found is None:
        raise SignInRequired(
            f"{host} gave no certificate (ssh ended with status {answer.returncode}). "
            "A token works once and for minutes: get a new one from the page."
        )
    return found[0].strip()


def parse_token_command(command: str) -> tuple[str, int, str]:
    """Host, port and token of ``ssh -p PORT HOST token TOKEN [> FILE]``, and of nothing else."""
    refused = SignInRequired(
        "That is neither an SSH certificate nor the page's `ssh -p PORT HOST token TOKEN`. "
        "Copy the whole line and paste it again."
    )
    try:
        words = shlex.split(command.partition(">")[0])
    except ValueError as error:
        raise refused from error
    port = "22"
    if len(words) == 6 and words[1] == "-p":
        port = words[2]
        del words[1:3]
    if len(words) != 4 or words[0] != "ssh" or words[2] != "token":
        raise refused
    if not (port.isdecimal() and _HOST.fullmatch(words[1]) and _TOKEN.fullmatch(words[3])):
        raise refused
    return words[1], int(port), words[3]
