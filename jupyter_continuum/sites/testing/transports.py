"""What every Transport, and every Shell, keeps."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator

import pytest

from jupyter_continuum.errors import SiteUnreachable
from jupyter_continuum.sites.protocols import (
    Shell,
    Transport,
)


class TransportTests:
    """What every Transport keeps. A subclass gives ``transport``, connected."""

    @pytest.fixture
    async def transport(self) -> AsyncIterator[Transport]:
        raise NotImplementedError

    async def test_connecting_again_changes_nothing(self, transport: Transport) -> None:
        await transport.connect()
        await transport.connect()

    async def test_carriers_are_told_apart_by_name(self, transport: Transport) -> None:
        names = [carrier.name for carrier in transport.carriers]
        assert names
        assert len(names) == len({*names})


class ShellTests(TransportTests):
    """What every Shell keeps."""

    @pytest.fixture
    async def transport(self) -> AsyncIterator[Shell]:
        raise NotImplementedError

    async def test_status_output_and_error_come_back(self, transport: Shell) -> None:
        result = await transport.run("echo out; echo err >&2; exit 3")
        assert (result.status, result.stdout, result.stderr) == (3, "out\n", "err\n")

    async def test_a_command_is_shell_text_as_it_stands(self, transport: Shell) -> None:
        result = await transport.run(
            "for word in \"it's\" 'a  b' $(echo '$HOME;'); do echo $word; done"
        )
        assert result.stdout.split("\n")[:3] == ["it's", "a b", "$HOME;"]

    async def test_input_arrives_whole(self, transport: Shell) -> None:
        result = await transport.run("cksum", input=(data := os.urandom(300_000)))
        assert int(result.stdout.split()[1]) == len(data)
        back = await transport.run("od -An -v -tx1", input=data[:1000])
        assert bytes.fromhex("".join(back.stdout.split())) == data[:1000]

    async def test_a_command_may_leave_its_input(self, transport: Shell) -> None:
        assert (await transport.run("exit 4", input=bytes(2_000_000))).status == 4

    async def test_no_answer_in_time_is_site_unreachable(self, transport: Shell) -> None:
        with pytest.raises(SiteUnreachable):
            await transport.run("sleep 20", timeout_seconds=0.3)
        assert (await transport.run("echo on")).stdout == "on\n"

    @pytest.mark.parametrize("seconds", [None, 3], ids=["cancelled", "too late"])
    @pytest.mark.parametrize(
        "last",
        ["sleep 301; true", "trap '' TERM; sleep 301; true", "exit 0"],
        ids=["plain", "deaf", "ended before what it started"],
    )
    async def test_a_command_that_is_ended_early_ends_with_all_that_it_started(
        self, transport: Shell, seconds: float | None, last: str
    ) -> None:
        told = f"/tmp/jct-{secrets.token_hex(8)}"
        command = f"sleep 301 & sleep 301 >/dev/null 2>&1 & echo $$ $! > {told}; {last}"
        if seconds is not None:
            while seconds < 100:
                with pytest.raises(SiteUnreachable):
                    await transport.run(command, timeout_seconds=seconds)
                if (await transport.run(f"cat {told}; true")).stdout:
                    break
                seconds *= 2  # it was ended before it had begun
        else:
            running = asyncio.create_task(transport.run(command))
            while not (await transport.run(f"cat {told}; true")).stdout:
                pass
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled()
        pids = (await transport.run(f"cat {told}; rm {told}")).stdout.split()
        assert len(pids) == 2
        alive = f"ps -o stat= -p {','.join(pids)} | grep -v Z"
        async with asyncio.timeout(5):
            while (await transport.run(alive)).stdout:
                pass

    async def test_many_commands_at_once_all_come_back(self, transport: Shell) -> None:
        results = await asyncio.gather(*(transport.run(f"echo {n}") for n in range(16)))
        assert [int(result.stdout) for result in results] == list(range(16))

    async def test_a_command_runs_after_connecting_again(self, transport: Shell) -> None:
        await transport.connect()
        assert (await transport.run("true")).status == 0
