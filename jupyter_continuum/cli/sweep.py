"""``sweep``: one notebook with many parameters, its progress, and where its table lies."""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_continuum.cli.prompts import Prompts
from jupyter_continuum.cli.terminal import note, print_json, say
from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.choosing import read_words
from jupyter_continuum.runs.parameters import merge
from jupyter_continuum.runs.run import check_installed
from jupyter_continuum.table import cell, clean

if TYPE_CHECKING:
    from jupyter_continuum.runs.sweep.folder import Record
    from jupyter_continuum.runs.sweep.progress import Progress

LOG_SECONDS = 10
"""So often progress is a line where there is no terminal to rewrite one at."""


def sweep(options: Namespace) -> int:
    check_installed()
    from jupyter_continuum.runs.sweep.sweep import Retry, Watch, perform, prepare
    from jupyter_continuum.runs.sweep.values import axes_of

    notebook = Path(options.notebook)
    jobs = options.jobs
    if (jobs is not None and jobs < 1) or options.retries < 0:
        raise RunError("--jobs is at least 1, --retries at least 0. Correct it and try again.")
    axes, fixed = axes_of(options.parameter), merge(options.parameters, [])
    if options.files and not options.at:
        raise RunError("--with goes with --at SITE: here the notebook has all that lies beside it.")
    prepared = prepare(notebook, axes, fixed, options.kernel, options.files)
    output = Path(options.output or notebook.with_name(f"{notebook.stem}-sweep"))
    shown = _Shown(to_error=options.json)
    if left_out := prepared.sent.left_out:
        shown.line(f"Left out of --with: {', '.join(left_out)}.")
    try:
        records = perform(
            prepared,
            lambda: read_words(options.on, os.environ, options.accept),
            output=output,
            at=options.at,
            jobs=jobs,
            resume=options.resume,
            retry=Retry(options.retries, options.retry_errors),
            watch=Watch(shown.line, Prompts(), shown.progress, shown.ended),
        )
    finally:
        shown.finish()
    counted = Counter(record.state for record in records.values())
    table = output / "runs.csv"
    if options.json:
        print_json(
            {
                "notebook": str(notebook),
                "output": str(output),
                "table": str(table),
                "runs": len(prepared.runs),
                **{state: counted[state] for state in ("completed", "failed", "died")},
            }
        )
    bad = [record for _, record in sorted(records.items()) if record.state != "completed"]
    if bad:
        raise RunError(
            f"{notebook.name}: {len(bad)} of {len(records)} runs did not complete, first "
            f"{_named(bad[0])}. The table is {table}, their notebooks are beside it."
        )
    if not options.json:
        say(f"Done: {table}")
    return 0


def _named(record: Record) -> str:
    swept = ", ".join(f"{name}={cell(value)}" for name, value in record.parameters.items())
    return f"run {record.number} ({swept}): {record.error.rstrip('.')}"


class _Shown:
    """One line that is written anew on a terminal; lines now and then in a log."""

    def __init__(self, *, to_error: bool) -> None:
        self._stream = sys.stderr if to_error else sys.stdout
        self._tell = note if to_error else say
        self._terminal = self._stream.isatty()
        self._last = ""
        self._due = 0.0

    def line(self, text: str) -> None:
        self._wipe()
        self._tell(text)
        self._write(self._last)

    def ended(self, record: Record) -> None:
        if record.state != "completed":
            self.line(f"{_named(record)}: {record.state}")

    def progress(self, progress: Progress) -> None:
        text = str(progress)
        if self._terminal:
            self._wipe()
            self._last = text
            self._write(text)
        elif text != self._last and (time.monotonic() >= self._due or _is_last(progress)):
            self._last, self._due = text, time.monotonic() + LOG_SECONDS
            self._tell(text)

    def finish(self) -> None:
        if self._terminal and self._last:
            self._wipe()
            self._tell(self._last)

    def _wipe(self) -> None:
        if self._terminal:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self._terminal:
            width = os.get_terminal_size(self._stream.fileno()).columns or 80
            self._stream.write(text if text.startswith("\r") else clean(text)[: width - 1])
            self._stream.flush()


def _is_last(progress: Progress) -> bool:
    return progress.before + progress.ended == progress.total
