"""What workers show of themselves, through the relay: useful, and harmless whatever it holds."""

from __future__ import annotations

import asyncio

import pytest
from distributed import Event, wait
from tornado.web import HTTPError

from jupyter_continuum.cluster.pages import _checked
from jupyter_continuum.server.relayed import fetch

HOSTILE = "<script>alert(1)</script>"


async def page(home, path: str):
    return await fetch(home.folder / "dashboard.sock", path, {})


async def test_a_workers_page_shows_tasks_results_stacks_and_log_and_runs_nothing(home):
    def hold_still(name: str) -> None:
        import logging

        logging.getLogger("distributed.worker").warning("said by a task: <b>%s</b>", name)
        Event(name).wait(60)

    await home.submit("north")
    async with home.client() as client:
        await client.wait_for_workers(1)
        held = client.submit(bytes, 3_000_000, key=f"result-{HOSTILE}")
        await wait(held)
        running = client.submit(hold_still, HOSTILE, key=f"running-{HOSTILE}")
        body = ""
        async with asyncio.timeout(30):
            while "hold_still" not in body or "said by a task" not in body:
                answer = await page(home, "worker/north-1-0-0/main")
                body = answer.body.decode()
        await Event(HOSTILE, client=client).set()
        await wait(running)
    assert answer.code == 200
    assert "2.86 MiB" in body
    assert "relay://north." in body
    assert "result-&lt;script&gt;" in body
    assert "running-&lt;script&gt;" in body
    assert "<script" not in body
    assert "<b>" not in body
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox;")
    assert "allow-" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["status", "individual-plots.json"])
async def test_dasks_plots_are_there_when_they_are_first_asked_for(home, path):
    """Their import takes longer than a scheduler's start, which therefore goes without."""
    answer = await page(home, path)
    assert answer.code == 200
    told = {"status": "Dask", "individual-plots.json": "task-stream"}
    assert told[path] in answer.body.decode()


async def test_a_worker_that_is_not_there_has_no_page(home):
    assert (await page(home, "worker/nobody/main")).code == 404


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"status": "200", "type": "text/plain", "body": b""}]
    + [{"status": status, "type": "text/plain", "body": b""} for status in (99, 1000, -1)]
    + [{"status": 200, "type": "text/plain", "body": "text"}],
)
def test_what_is_no_page_is_not_passed_on(answer):
    with pytest.raises(HTTPError, match="502"):
        _checked(answer)


@pytest.mark.parametrize("kind", ["text/html\r\nSet-Cookie: a=1", "html", 7, "a/b; c=\x00"])
def test_a_type_out_of_grammar_is_plain_text(kind):
    assert _checked({"status": 200, "type": kind, "body": b""})[1] == "text/plain"


def test_a_type_within_it_is_kept():
    kind = "text/html; charset=utf-8"
    assert _checked({"status": 200, "type": kind, "body": b"x"}) == (200, kind, b"x")
