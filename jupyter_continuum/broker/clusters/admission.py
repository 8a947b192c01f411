"""Answers agents that ask to be let into a cluster: each once, or one sentence on why not."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_continuum.broker.clusters.hub_control import HubControl
from jupyter_continuum.broker.clusters.joining import Refusal, digest, grant
from jupyter_continuum.broker.words import one_line
from jupyter_continuum.cluster.authority import Authority

if TYPE_CHECKING:
    from jupyter_continuum.broker.clusters.group import Group
    from jupyter_continuum.broker.clusters.job import AgentEntry, JobEntry

Find = Callable[[str], "tuple[Group, JobEntry, AgentEntry] | None"]
Joined = Callable[[str, Mapping[str, Any]], None]
"""Told the group of an agent that is let in, and what is installed there."""


class Admission:
    """One task per question; ``close`` drops those without an answer."""

    def __init__(
        self,
        hub: HubControl,
        authority: Authority,
        find: Find,
        *,
        barred: Callable[[str], str],
        joined: Joined,
    ) -> None:
        """``find`` gives group, job and agent of ``site.agent``.

        ``barred``: why nobody at a site may join; "" when one may.
        """
        self._hub = hub
        self._authority = authority
        self._find = find
        self._barred = barred
        self._joined = joined
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, name: str, asked: dict[str, Any]) -> None:
        """The agent ``name`` asks; a hub that tells it again is not a second question."""
        if name in self._tasks:
            return
        task = self._tasks[name] = asyncio.create_task(self._answer(name, asked))
        task.add_done_callback(lambda task: self._answered(name, task))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _answered(self, name: str, task: asyncio.Task[None]) -> None:
        del self._tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            traceback.print_exception(error)
            self._hub.order("refuse", agent=name, reason="The broker failed at this join.")

    async def _answer(self, name: str, asked: dict[str, Any]) -> None:
        # Not held up until the scheduler runs: a worker's process takes as long to start, and
        # dials until it is answered.
        found = self._find(name)
        if found is None:
            self._hub.order("refuse", agent=name, reason="This agent belongs to no job.")
            return
        group, job, agent = found
        try:
            if why := self._barred(group.plan.site):
                raise Refusal(why)
            granted = await asyncio.to_thread(
                grant, asked, job=job, agent=agent, group=group.plan, authority=self._authority
            )
        except Refusal as refusal:
            agent.refused = one_line(refusal, 600)
            self._hub.order("refuse", agent=name, reason=agent.refused)
            # The next job would bring the same environment, and wait in the queue for nothing.
            group.refuse(agent.refused)
        else:
            if not agent.granted:
                self._joined(group.plan.name, asked["environment"])
            agent.granted, agent.asked = True, digest(asked)
            self._hub.order("grant", agent=name, grant=granted)
        group.owner.save_later()
        group.owner.changed()
        group.wake()
