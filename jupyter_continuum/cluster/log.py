"""What goes to the job's log: one line per event, no stack trace for what is expected."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType

ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)
LOGGERS = ("distributed", "tornado", "asyncio")
TOLD_ELSEWHERE = ("distributed.nanny",)
"""What these say, the agent says in one line."""


def say(event: str) -> None:
    """One event of the agent, with the time in UTC."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(stamp, " ".join(event.split()), flush=True)


def last_words(error: BaseException) -> str:
    """What lies at the bottom of ``error``, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


class OneLine(logging.Formatter):
    """An exception as its last words."""

    def __init__(self) -> None:
        super().__init__("%(asctime)sZ %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(super().format(record).split())

    def formatException(self, ei: ExceptionInfo) -> str:
        return f"({last_words(ei[1])})" if ei[1] else ""

    def formatStack(self, stack_info: str) -> str:
        return ""


def quiet_libraries() -> None:
    """Print warnings of distributed and its kin, in our form.

    Their loggers stay as chatty as they are: ``Client.get_worker_logs`` reads from them.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(OneLine())
    handler.setLevel(logging.WARNING)
    handler.addFilter(lambda record: record.name not in TOLD_ELSEWHERE)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    for name, child in logging.root.manager.loggerDict.items():
        if name.startswith("distributed.") and isinstance(child, logging.Logger):
            child.handlers = [each for each in child.handlers if not _prints(each)]
            child.propagate = True


def _prints(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler)
