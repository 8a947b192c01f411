"""All runs of a sweep: which are missing, which are tried again, and what became of them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_continuum.broker.selection import CLUSTER_VARIABLE
from jupyter_continuum.paths import socket_dir
from jupyter_continuum.runs.choosing import Use
from jupyter_continuum.runs.lending import Others, Tell, cluster_for
from jupyter_continuum.runs.notebook import kernel_of, read_notebook, without_outputs
from jupyter_continuum.runs.parameters import Parameters, check_parameters
from jupyter_continuum.runs.sweep.beside import Beside, packed
from jupyter_continuum.runs.sweep.early import beside, early_modules
from jupyter_continuum.runs.sweep.folder import Folder, Record, Sweep, digest_of, opened
from jupyter_continuum.runs.sweep.kernels import Kernels
from jupyter_continuum.runs.sweep.launcher import flags_of
from jupyter_continuum.runs.sweep.location import check_site
from jupyter_continuum.runs.sweep.order import LOST, Ended, Order
from jupyter_continuum.runs.sweep.progress import Progress
from jupyter_continuum.runs.sweep.recording import SweepRecording
from jupyter_continuum.runs.sweep.results import Table, table_of, write_csv, write_parquet
from jupyter_continuum.runs.sweep.values import Axes, combinations
from jupyter_continuum.runs.sweep.warm import Lost, Warm

if TYPE_CHECKING:
    from jupyter_continuum.runs.sweep.at_site import AtSite

LOOK_SECONDS = 1.0
"""So often progress is told while nothing ends."""
TABLE_SECONDS = 5.0
"""So often the table is written anew, while that takes little of the time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sweep that can be run, as far as can be known before."""

    notebook: Path
    sweep: Sweep
    language: str
    runs: list[Parameters]
    flags: list[str] | None
    """Of Python, where kernels can be forked; None where each is started as ever."""
    early: list[str]
    sent: Beside
    """Files beside the notebook that go with it to a site."""
    unsent: list[str]
    """Modules beside it that it imports, and that do not."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Which runs are tried again, and how often."""

    times: int = 1
    errors: bool = False
    """Also those in which a cell failed, also by an earlier sweep in the same folder."""


@dataclass(slots=True)
class Watch:
    """Who is told what, while a sweep runs."""

    tell: Tell
    others: Others | None = None
    on_progress: Callable[[Progress], None] = lambda _: None
    on_ended: Callable[[Record], None] = lambda _: None


def prepare(
    notebook: Path, axes: Axes, fixed: Parameters, kernel: str | None, files: Sequence[str] = ()
) -> Prepared:
    """Look at all that is on this machine. RunError, and nothing was started.

    ``files`` lie beside the notebook, and go with it where its kernels are at a site.
    """
    found = read_notebook(notebook)
    name, language = kernel_of(found, notebook, kernel)
    if both := sorted(axes.keys() & fixed.keys()):
        fixed = {key: value for key, value in fixed.items() if key not in both}
    check_parameters({**fixed, **axes}, found, notebook, language)
    flags = _flags(name)
    sweep = Sweep(str(notebook.resolve()), digest_of(found), name, fixed, axes)
    folder = notebook.resolve().parent
    early = early_modules(found, folder) if flags is not None else []
    sent = packed(files, folder)
    unsent = [name for name in beside(found, folder) if name not in sent.modules]
    runs = list(combinations(axes, fixed))
    return Prepared(notebook, sweep, language, runs, flags, early, sent, unsent)


def perform(
    prepared: Prepared,
    use: Callable[[], Use],
    *,
    output: Path,
    at: str | None = None,
    jobs: int | None,
    resume: bool,
    retry: Retry,
    watch: Watch,
) -> dict[int, Record]:
    """Run what is missing; the records of all runs that have ended, by number.

    ``use`` is asked for the cluster, or the plan to launch, when there is something to run.
    The kernels are here, or with ``at`` on the workers of that ``SITE`` or ``SITE/GROUP``.
    ``jobs`` run at once, or as many as there is room for.
    """
    total = len(prepared.runs)
    with opened(output, prepared.sweep, prepared.notebook, total, resume=resume) as folder:
        going = _Going(prepared, folder, retry, watch)
        if not going.todo:
            going.write_table()
            return going.records
        going.begin()
        chosen = use()
        if at is not None:
            check_site(at, chosen, prepared.language)
        try:
            with (
                _sockets() as sockets,
                _here(prepared, folder, sockets) if at is None else nullcontext() as warm,
                cluster_for(chosen, tell=watch.tell, others=watch.others) as cluster,
                warm or _there(prepared, folder, cluster, at or "", watch) as kernels,
            ):
                going.recording.begin(cluster, shared=isinstance(chosen, str))
                # Its kernels end with it, before their cluster does.
                going.run_all(kernels, sockets, cluster, jobs)
        finally:
            going.recording.end(going.records, going.ran, watch.tell)
            going.write_table()
        return going.records


class _Going:
    """The state of one sweep that runs."""

    def __init__(self, prepared: Prepared, folder: Folder, retry: Retry, watch: Watch) -> None:
        self.records = folder.records()
        self.todo = deque(
            number
            for number in range(1, len(prepared.runs) + 1)
            if number not in self.records
            or (retry.errors and self.records[number].state != "completed")
        )
        for number in self.todo:
            self.records.pop(number, None)
        self._before = len(self.records)
        self.ran: list[int] = []
        """Numbers of the runs that have ended since this sweep began, or went on."""
        self.recording = SweepRecording(prepared.sweep, len(prepared.runs), folder)
        self._site = ""
        self._attempts: dict[int, int] = {}
        self._under_way: dict[int, datetime] = {}
        self._prepared, self._folder, self._retry, self._watch = prepared, folder, retry, watch
        self._table_due = time.monotonic() + TABLE_SECONDS

    def begin(self) -> None:
        """What an earlier sweep told in this folder is not of this one."""
        self._tell(0)

    def run_all(self, kernels: Kernels, sockets: Path, cluster: str, jobs: int | None) -> None:
        self._site = kernels.site
        kernels.wait_until_ready()
        began = time.monotonic()
        while self.todo or self._under_way:
            try:
                slots = kernels.slots()
                most = (jobs or slots) if slots else 0
                while self.todo and len(self._under_way) < most:
                    number = self.todo.popleft()
                    self._attempts[number] = self._attempts.get(number, 0) + 1
                    self._under_way[number] = datetime.now(UTC)
                    kernels.run(self._order(number, sockets, cluster))
                if (ended := kernels.ended(LOOK_SECONDS)) is not None:
                    self._take(*ended)
            except Lost:
                for number in list(self._under_way):
                    self._take(number, LOST)
                kernels.again()
            self._watch.on_progress(self._tell(time.monotonic() - began))
            if time.monotonic() > self._table_due:
                self._write_csv()

    def _order(self, number: int, sockets: Path, cluster: str) -> Order:
        return Order(
            number=number,
            notebook=str(self._folder.source.resolve()),
            output=str(self._folder.notebook(number).resolve()),
            parameters=self._prepared.runs[number - 1],
            kernel=self._prepared.sweep.kernel,
            language=self._prepared.language,
            cwd=str(self._prepared.notebook.resolve().parent),  # as in JupyterLab
            forked=self._prepared.flags is not None,
            native=False,
            sockets=str(sockets),
            env={CLUSTER_VARIABLE: cluster},
            first=[],
            last=[],
        )

    def _take(self, number: int, ended: Ended) -> None:
        started = self._under_way.pop(number)
        state = "died" if ended["state"] == "interrupted" else ended["state"]
        again = state == "died" or (state == "failed" and self._retry.errors)
        if again and self._attempts[number] <= self._retry.times:
            self.todo.append(number)
            return
        record = Record(
            number=number,
            parameters=self._prepared.runs[number - 1],
            state=state,
            error=ended["error"],
            site=self._site,
            started=started.isoformat(timespec="seconds"),
            seconds=ended["seconds"],
            attempts=self._attempts[number],
            outputs=ended["outputs"],
        )
        self._folder.write(record)
        self.records[number] = record
        self.ran.append(number)
        self._watch.on_ended(record)

    def _tell(self, seconds: float) -> Progress:
        progress = Progress(
            total=len(self._prepared.runs),
            before=self._before,
            ended=len(self.records) - self._before,
            failed=sum(each.state != "completed" for each in self.records.values()),
            running=len(self._under_way),
            elapsed_seconds=seconds,
        )
        self._folder.tell(progress, self._under_way)
        return progress

    def write_table(self) -> None:
        write_parquet(self._folder.parquet, self._write_csv())

    def _write_csv(self) -> Table:
        began = time.monotonic()
        table = table_of(self.records[number] for number in sorted(self.records))
        write_csv(self._folder.csv, table)
        now = time.monotonic()
        self._table_due = now + max(TABLE_SECONDS, 20 * (now - began))
        return table


def _here(prepared: Prepared, folder: Folder, sockets: Path) -> Warm:
    return Warm(
        prepared.early,
        prepared.flags or [],
        sockets=sockets,
        log=folder.log,
        keeps=[folder.lock],  # so that the next sweep there meets no run of this one
    )


def _there(prepared: Prepared, folder: Folder, cluster: str, at: str, watch: Watch) -> AtSite:
    from jupyter_continuum.runs.sweep.at_site import AtSite
    from jupyter_continuum.runs.sweep.node import Sheet
    from jupyter_continuum.runs.sweep.site_workers import SiteWorkers

    sheet = Sheet(
        sweep=f"sweep-{secrets.token_hex(6)}",
        notebook=without_outputs(read_notebook(folder.source)),
        modules=tuple(prepared.early),
        beside=tuple(prepared.unsent),
        files=prepared.sent.archive,
        cluster_variable=(CLUSTER_VARIABLE, cluster),
    )
    workers = SiteWorkers(at, cluster, tell=watch.tell, others=watch.others)
    return AtSite(workers, sheet, folder)


@contextmanager
def _sockets() -> Iterator[Path]:
    """A short name, since the path of a socket may have 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="sw-", dir=socket_dir()))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _flags(kernel: str) -> list[str] | None:
    from jupyter_client.kernelspec import KernelSpecManager

    spec: Any = KernelSpecManager().get_kernel_spec(kernel)
    return flags_of(spec.argv)
