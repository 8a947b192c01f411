"""What the process does that workers are forked from, once, before the first of them.

Imported there alone (`forking` has it started). It makes no thread and no event loop, and touches
no device: a fork takes none of those along.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys

from jupyter_continuum.cluster.wide_link import wide_link

IMPORTS = (
    "jupyter_continuum.worker.node",
    "jupyter_continuum.relay.comm",
    "multiprocessing.synchronize",
    "numpy.random",
    "tornado.platform.asyncio",
    *wide_link()["distributed"]["worker"]["http"]["routes"],
)
"""What a worker has imported when it is registered; what is left out, each imports by itself."""


def _draw_anew() -> None:
    """NumPy's global generator was seeded by its import; Python's own sees to itself."""
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed()


# First, since imports take a second. A batch system signals every process of a job at once, and
# workers whose zygote has ended count as dead, while the agent still hands over.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for name in IMPORTS:
    importlib.import_module(name)
os.register_at_fork(after_in_child=_draw_anew)
gc.collect()
# A collection in a worker would write to every page that it shares with the others.
gc.freeze()
