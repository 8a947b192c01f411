"""Launcher for Slurm, by its commands, over any Shell.

What it must remember lies at the site: one directory a job, with script, join files,
job id, the agents' announcements and the log.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from jupyter_continuum.errors import SiteError, SiteUnreachable, SubmitRefused
from jupyter_continuum.sites.announcements import parse_agent
from jupyter_continuum.sites.protocols import (
    Agent,
    Association,
    Books,
    BooksCommand,
    CommandResult,
    Job,
    JobRequest,
    JobState,
    OfferStatus,
    Shell,
    SiteStatus,
)
from jupyter_continuum.sites.slurm import commands
from jupyter_continuum.sites.slurm.books import COMMANDS, parse_books
from jupyter_continuum.sites.slurm.nodes import parse_nodes, parse_partitions, parse_pending
from jupyter_continuum.sites.slurm.refusals import is_deaf, own_words, refusal, unwritable
from jupyter_continuum.sites.slurm.script import (
    NAME,
    check_directory,
    check_name,
    job_archive,
    job_script,
)
from jupyter_continuum.sites.slurm.text import (
    parse_associations,
    parse_sacct,
    parse_show_job,
    parse_squeue,
    parse_test_only,
    parse_zone,
)
from jupyter_continuum.sites.text import clean

LOG_BYTES = 64 * 1024
BOOKS_SECONDS = 600
"""Between questions for what is left of allocations: a site renews it hourly at best."""
AT_A_TIME = 100
"""Names a command line."""
NO_ACCOUNTS = ("accounting_storage", "slurm_persist_conn", "not found", "accounting storage is")


class SlurmLauncher:
    """One account's jobs at one Slurm system."""

    def __init__(
        self,
        transport: Shell,
        work_directory: str = "continuum",
        *,
        site: str = "Slurm",
        books: BooksCommand | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``work_directory`` is absolute, or below the home directory.

        ``books``: the site's own command that tells what is left of allocations.
        """
        self._transport = transport
        self._site = site
        self._work = check_directory(work_directory)
        self._jobs = f"{self._work}/jobs"
        self._books_command = books
        self._books: Books | None = None
        self._books_due = -math.inf
        self._clock = clock

    def _directory(self, name: str) -> str:
        return f"{self._jobs}/{check_name(name)}"

    def script(self, request: JobRequest) -> str:
        return job_script(request, self._directory(request.name))

    async def submit(self, request: JobRequest) -> Job:
        directory = self._directory(request.name)
        archive = job_archive(request, directory)
        result = await self._transport.run(commands.submit(directory), input=archive)
        if result.status == commands.TRIED_BEFORE:
            if job := await self._find(request.name):
                return job
            again = commands.submit(directory, again=True)
            result = await self._transport.run(again, input=archive)
        return await self._submitted(request, result)

    async def wait_seconds(self, request: JobRequest) -> float:
        script = self.script(request).encode()
        result = await self._transport.run(commands.test_only(), input=script)
        if result.status:
            raise refusal(self._site, request, result.stdout.partition("\n")[2] or result.stderr)
        seconds = parse_test_only(result.stdout)
        if seconds is None:
            words = own_words(result.stdout)
            raise SiteError(f"{self._site} did not say when the job would begin ({words}).")
        return seconds

    async def _submitted(self, request: JobRequest, result: CommandResult) -> Job:
        id = result.stdout.strip()
        if result.status == 0 and id.isdecimal():
            return Job(name=request.name, id=id, state=JobState.QUEUED)
        if result.status == commands.NOT_WRITTEN:
            raise unwritable(self._site, self._work, result.stderr)
        error = refusal(self._site, request, result.stderr or result.stdout)
        if isinstance(error, SubmitRefused):
            await self.forget([request.name])
        raise error

    async def _find(self, name: str) -> Job | None:
        """The job of that name, waiting, running or ended not long ago."""
        text = commands.find(name, self._directory(name))
        result = await self._shell(text)
        if result.status:
            raise self._unanswered(result)
        found = {
            job.id: job
            for parse in (parse_sacct, parse_show_job, parse_squeue)
            for job in parse(result.stdout, UTC)
            if job.name == name
        }
        return max(found.values(), key=lambda job: int(job.id), default=None)

    async def poll(self) -> SiteStatus:
        nonce = secrets.token_hex(16)
        result = await self._shell(commands.poll(self._jobs, nonce, books=self._ask_books()))
        parts = commands.read_parts(result.stdout, nonce)
        if parts.get("jobs", (255, ""))[0]:
            # An empty list would say that every job has gone.
            words = parts.get("jobs", (0, result.stderr))[1]
            raise self._unanswered(CommandResult(result.status, "", words))
        notes = {
            name: f"{self._site}: the {name} could not be read ({own_words(parts[name][1])})."
            if name in parts
            else f"{self._site}: the answer broke off before the {name}."
            for name in ("nodes", "partitions", "pending", "ended", "agents")
            if parts.get(name, (255, ""))[0]
        }
        agents, bad = self._agents(parts)
        return SiteStatus(
            observed=datetime.now(UTC),
            jobs=tuple(self._own_jobs(parts)),
            agents=agents,
            offers=tuple(_offers(parts)),
            books=self._read_books(parts),
            notes=notes | bad,
        )

    def _ask_books(self) -> str:
        """Only now and then, and in the same command: never a question of their own."""
        if self._clock() < self._books_due:
            return ""
        command = COMMANDS[self._books_command] if self._books_command else ""
        return commands.books(command)

    def _read_books(self, parts: dict[str, tuple[int, str]]) -> Books | None:
        if "books" not in parts:
            return self._books
        status, text = parts["books"]
        # A command that fails is no cheaper: it is asked again at the same pace.
        self._books_due = self._clock() + BOOKS_SECONDS
        if status == 0 or any(sign in text for sign in NO_ACCOUNTS):
            found = parse_books(text, self._books_command) if status == 0 else None
            self._books = replace(found, observed=datetime.now(UTC)) if found else None
        else:
            why = f"{self._site} did not tell what is left of allocations ({own_words(text)})."
            self._books = Books(why=why)
        return self._books

    def _own_jobs(self, parts: dict[str, tuple[int, str]]) -> list[Job]:
        place = parts.get("place", (0, ""))[1].splitlines()
        zone = parse_zone(place[0] if place else "")
        ended = parts.get("ended", (0, ""))[1]
        found = [
            *_gone(ended),
            *parse_sacct(ended, zone),
            *parse_show_job(ended, zone),
            *parse_squeue(parts["jobs"][1], zone),
        ]
        return list({job.id: job for job in found if NAME.fullmatch(job.name)}.values())

    async def agents(self) -> tuple[Agent, ...]:
        nonce = secrets.token_hex(16)
        result = await self._shell(commands.agents(self._jobs, nonce))
        return self._agents(commands.read_parts(result.stdout, nonce))[0]

    def _agents(
        self, parts: dict[str, tuple[int, str]]
    ) -> tuple[tuple[Agent, ...], dict[str, str]]:
        """Agents, and sentences on announcements that are none."""
        place = parts.get("place", (0, ""))[1].splitlines()
        home = place[1].rstrip("/") if len(place) > 1 else ""
        found, bad = [], {}
        for line in parts.get("agents", (0, ""))[1].splitlines():
            path, _, text = line.partition(":")
            name = path.removeprefix(f"{self._jobs}/").partition("/")[0]
            if not NAME.fullmatch(name):
                continue
            folder = f"{self._jobs}/{name}"
            if not folder.startswith("/"):
                folder = f"{home}/{folder}"
            try:
                found.append(parse_agent(text, job=name, folder=folder))
            except (ValueError, RecursionError) as error:
                bad[name] = f"{self._site}: an announcement of {name} is odd: {clean(str(error))}."
        return tuple(sorted(found, key=lambda agent: (agent.job, agent.rank))), bad

    async def cancel(self, names: Sequence[str]) -> None:
        for some in _chunks(names):
            result = await self._shell(commands.cancel(some))
            if result.status and is_deaf(result.stderr):
                raise self._unanswered(result)
            benign = ("already complet", "invalid job id", "job/step already")
            words = result.stderr.lower()
            if result.status and words.strip() and not any(sign in words for sign in benign):
                raise SiteError(
                    f"{self._site}: jobs could not be cancelled ({own_words(result.stderr)})."
                )

    async def log(self, name: str) -> str:
        file = f"{self._directory(name)}/job.log"
        result = await self._transport.run(f"{commands.HOME}tail -c {LOG_BYTES} {file} 2>/dev/null")
        kept = (sign for sign in result.stdout if sign.isprintable() or sign in "\n\t")
        return "".join(kept)

    async def forget(self, names: Sequence[str]) -> None:
        for some in _chunks(names):
            directories = " ".join(self._directory(name) for name in some)
            result = await self._transport.run(f"{commands.HOME}rm -rf {directories}")
            if result.status:
                raise SiteError(
                    f"{self._site}: what jobs left behind could not be removed "
                    f"({own_words(result.stderr)}). Remove {self._jobs} by hand."
                )

    async def associations(self) -> tuple[Association, ...]:
        result = await self._transport.run(commands.associations())
        if result.status == 0:
            return parse_associations(result.stdout)
        if any(sign in result.stderr for sign in NO_ACCOUNTS):
            return ()
        raise self._unanswered(result)

    async def check_work_directory(self) -> None:
        """Write a megabyte and remove it; SubmitRefused where that fails (full, over quota)."""
        result = await self._transport.run(commands.probe(self._work))
        if result.status:
            raise unwritable(self._site, self._work, result.stderr)

    async def _shell(self, text: str) -> CommandResult:
        return await self._transport.run("sh -s", input=text.encode())

    def _unanswered(self, result: CommandResult) -> SiteUnreachable:
        return SiteUnreachable(
            f"{self._site}: Slurm does not answer ({own_words(result.stderr)}). Try again later."
        )


def _offers(parts: dict[str, tuple[int, str]]) -> list[OfferStatus]:
    status, text = parts.get("partitions", (255, ""))
    if status:
        return []
    status, nodes = parts.get("nodes", (255, ""))
    read = parse_nodes(nodes) if status == 0 else []
    status, pending = parts.get("pending", (255, ""))
    return parse_partitions(text, read, parse_pending(pending) if status == 0 else None)


def _gone(text: str) -> list[Job]:
    """Jobs that ended so long ago that neither scontrol nor sacct knows them."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "GONE" and words[1].isdecimal():
            name = words[2].split("/")[-2] if "/" in words[2] else ""
            found.append(Job(name, words[1], JobState.ENDED, "no longer known to Slurm"))
    return found


def _chunks(names: Sequence[str]) -> list[list[str]]:
    unique = sorted({check_name(name) for name in names})
    return [unique[at : at + AT_A_TIME] for at in range(0, len(unique), AT_A_TIME)]
