"""What a task prints is shown where its result was asked for, in bounds."""

from __future__ import annotations

import asyncio
import io

from jupyter_continuum.cluster.prints import BURST_LINES, LONGEST_LINE, Allowance, TaskOutput


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def output(clock: Clock, key: str | None = "x"):
    told: list[tuple[str, str]] = []
    under = io.StringIO()
    stream = TaskOutput(under, lambda: key, lambda *each: told.append(each), Allowance(clock))
    return stream, under, told


def test_lines_of_a_task_are_told_and_printed_as_before():
    stream, under, told = output(Clock())
    print("one", "two", file=stream)
    print("half", end="", file=stream)
    assert told == [("x", "one two")]
    stream.ended("x")
    stream.ended("x")
    assert told[1:] == [("x", "half")]
    assert under.getvalue() == "one two\nhalf"


def test_outside_a_task_nothing_is_told():
    stream, under, told = output(Clock(), key=None)
    print("of the library", file=stream)
    assert told == []
    assert under.getvalue() == "of the library\n"


def test_a_loop_is_bounded_in_rate_and_size_and_what_is_left_out_is_counted():
    clock = Clock()
    stream, under, told = output(clock)
    for number in range(1000):
        print(number, file=stream)
    assert len(told) == BURST_LINES
    clock.now = 1
    print("x" * 10 * LONGEST_LINE, file=stream)
    lines = told[-1][1].splitlines()
    assert lines[0] == "(800 lines are not shown here; the job's log has them)"
    assert len(lines[1]) == LONGEST_LINE
    assert under.getvalue().count("\n") == 1001


async def test_plain_print_of_a_task_reaches_the_client_that_waits(home):
    job = await home.submit("north")
    async with home.client() as client, home.client() as other:
        await client.wait_for_workers(1)

        def work(number):
            print("at", number)
            print("end", end="")
            return number

        def add(*numbers):
            return sum(numbers)

        seen = {client: [], other: []}
        for each, lines in seen.items():
            each._event_handlers["print"] = lambda event, lines=lines: lines.append(
                event[1]["args"]
            )
        later = client.submit(add, client.submit(work, 1, pure=False), pure=False)
        assert await later == 1
        async with asyncio.timeout(20):
            while len(seen[client]) < 2:
                await asyncio.sleep(0.05)
        assert seen[client] == [("[north-1-0-0] at 1",), ("[north-1-0-0] end",)]
        assert seen[other] == []
    async with asyncio.timeout(20):
        while "at 1" not in await home.log("north", job):
            await asyncio.sleep(0.05)


async def test_dasks_own_print_is_shown_once(home):
    await home.submit("north")
    async with home.client() as client:
        await client.wait_for_workers(1)

        def work():
            from distributed import print

            print("once")

        seen = []
        client._event_handlers["print"] = lambda event: seen.append(event[1]["args"])
        await client.submit(work, pure=False)
        await client.submit(lambda: print("last"), pure=False)
        async with asyncio.timeout(20):
            while ("[north-1-0-0] last",) not in seen:
                await asyncio.sleep(0.05)
        assert seen == [("[north-1-0-0] once",), ("[north-1-0-0] last",)]
