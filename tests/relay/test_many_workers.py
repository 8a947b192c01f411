"""Two hundred processes that all dial each other, and what is left of it: nothing."""

from __future__ import annotations

import asyncio
import gc
import resource

import pytest

from .conftest import Net, open_files, started_net, until

pytestmark = pytest.mark.full

SITES = tuple(f"s{number}" for number in range(10))
PER_SITE = 20
AT_ONCE = 400
HELLO = b"a record of tls is what goes here"


@pytest.fixture
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readexactly(len(HELLO)))
    await reader.read()
    writer.close()


@pytest.mark.usefixtures("many_files")
async def test_all_pairs_of_200_workers_leave_nothing_behind():
    async with started_net(*SITES) as net:
        addresses = [f"{site}.0:{n}" for site in SITES for n in range(1, PER_SITE + 1)]
        for address in addresses:
            await net.listen(address.partition(".")[0], address, answer)
        gc.collect()
        streams, tasks, files = net.streams(), len(asyncio.all_tasks()), open_files()
        room = asyncio.Semaphore(AT_ONCE)
        pairs = [(one, other) for one in addresses for other in addresses if one != other]
        await asyncio.gather(*(dial(net, room, *pair) for pair in pairs))
        assert len(pairs) == 39_800
        await until(lambda: net.streams() == streams)
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        await until(lambda: open_files() <= files)


async def dial(net: Net, room: asyncio.Semaphore, source: str, target: str) -> None:
    async with room:
        reader, writer = await net.dial_from(source.partition(".")[0], target)
        writer.write(HELLO)
        assert await reader.readexactly(len(HELLO)) == HELLO
        writer.close()
        net._writers.remove(writer)
