"""Each question for a start costs a site an id: it is asked once for a shape of job."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from jupyter_continuum.broker.clusters.foretelling import TTL_SECONDS, Foretelling
from jupyter_continuum.errors import SubmitRefused
from jupyter_continuum.sites.protocols import JobRequest

ASKED = JobRequest(name="jc-a-b-1", join=(b"secret",), nodes=2)


@dataclass
class Oracle:
    """A site and its launcher, as far as this needs them."""

    answer: float = 90.0
    asked: list[str] = field(default_factory=list)
    site: str = "s"
    ready: bool = True

    @property
    def launcher(self) -> Oracle:
        return self

    async def wait_seconds(self, request: JobRequest) -> float:
        self.asked.append(request.name)
        await asyncio.sleep(0)
        if self.answer < 0:
            raise SubmitRefused("s: no such nodes.")
        return self.answer


async def test_one_question_for_a_shape_and_ten_minutes() -> None:
    now = [1000.0]
    site: Any = Oracle()
    foretelling = Foretelling(lambda: now[0])
    again = replace(ASKED, name="jc-a-b-2", join=(b"another",))
    told = await asyncio.gather(foretelling.of(site, ASKED), foretelling.of(site, again))
    assert [each.said.seconds for each in told if each.said] == [90, 90]
    now[0] += 60
    later = await foretelling.of(site, again)
    assert later.said is not None
    assert later.said.seconds == 30
    assert site.asked == ["jc-a-b-1"]
    await foretelling.of(site, replace(ASKED, nodes=3))
    now[0] += TTL_SECONDS
    await foretelling.of(site, ASKED)
    assert len(site.asked) == 3


async def test_a_site_that_would_refuse_says_so_and_one_that_is_away_is_left_alone() -> None:
    site: Any = Oracle(answer=-1)
    foretelling = Foretelling()
    assert (await foretelling.of(site, ASKED)).trouble == "s: no such nodes."
    site.ready = False
    assert await foretelling.of(site, replace(ASKED, nodes=4)) == await foretelling.of(site, ASKED)
    assert len(site.asked) == 1
