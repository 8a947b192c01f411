"""A new SSH certificate by the program that the site's own guide names, run for the person.

They sign in at a page; the certificate goes from ``step`` into their ssh-agent. No open connection
and no cluster hears of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import Mapping

from jupyter_continuum.broker.words import one_line
from jupyter_continuum.errors import SignInRequired
from jupyter_continuum.sites.protocols import Asker, Question

STEP_HELP = "https://smallstep.com/docs/step-cli/installation"
LOGIN_SECONDS = 300
_PAGE = re.compile(r"https?://[^\s\"'<>]{1,2000}")
_PROVISIONER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,80}")


def wants_step(access: str) -> bool:
    """True when a site's access protocol names the smallstep client."""
    return re.search(r"smallstep|step-ca|step ssh", access, re.IGNORECASE) is not None


async def renew_with_step(site: str, asker: Asker, environment: Mapping[str, str]) -> None:
    """Run ``step ssh login`` until it has put a certificate into the agent. SignInRequired."""
    step = shutil.which("step", path=environment.get("PATH"))
    if step is None:
        raise SignInRequired(
            f"{site}: `step` is not installed on this machine; {STEP_HELP} says how. Renew then."
        )
    if not environment.get("SSH_AUTH_SOCK"):
        raise SignInRequired(
            f"{site}: the broker was started without an ssh-agent, which a new certificate goes "
            'into. Start one (`eval "$(ssh-agent)"`), end the broker and renew again.'
        )
    provisioner = await asker.ask(
        Question(
            kind="provisioner",
            site=site,
            text="What is the provisioner called? The site's guide says it: cineca-hpc at CINECA.",
            secret=False,
        )
    )
    if provisioner is None or not _PROVISIONER.fullmatch(provisioner.strip()):
        raise SignInRequired(f"{site}: no provisioner was named, so nothing was renewed.")
    process = await asyncio.create_subprocess_exec(
        *(step, "ssh", "login", "--provisioner", provisioner.strip()),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    signing: asyncio.Task[None] | None = None
    last = ""
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            assert process.stdout is not None
            async for line in process.stdout:
                said = line.decode(errors="replace")
                last = one_line(said) or last
                if signing is None and (page := _PAGE.search(said)):
                    signing = asyncio.create_task(_sign_in(site, page[0], asker, process))
            status = await process.wait()
    except TimeoutError:
        raise SignInRequired(f"{site}: nobody signed in within {LOGIN_SECONDS} s.") from None
    except ValueError as error:  # a line without an end
        raise SignInRequired(f"{site}: `step` said what cannot be read.") from error
    finally:
        if signing is not None:
            signing.cancel()  # with it goes the question
        if process.returncode is None:
            process.kill()
            await process.wait()
    if status:
        raise SignInRequired(
            f"{site}: `step ssh login` got no certificate (status {status}): {last or 'no word'}"
        )


async def _sign_in(site: str, page: str, asker: Asker, process: asyncio.subprocess.Process) -> None:
    """Lead the person to the page; a code that it shows them goes to ``step``."""
    code = await asker.ask(
        Question(
            kind="code",
            site=site,
            text=f"Sign in at {page} to renew your certificate. This goes away by itself then; "
            "if the page shows a code, answer with it.",
            secret=True,
        )
    )
    with contextlib.suppress(ProcessLookupError, ConnectionError):  # it has ended meanwhile
        if code is None:
            process.terminate()
        elif process.stdin is not None:
            process.stdin.write(code.encode() + b"\n")
            await process.stdin.drain()
