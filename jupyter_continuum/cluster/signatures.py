"""Whether the private parts of distributed that this package overrides are as we know them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from jupyter_continuum.errors import ContinuumError

TESTED_FROM = (2026, 8)
TESTED_TO = (2026, 8)
"""Releases of distributed (year, month) that the tests ran with."""


class IncompatibleDask(ContinuumError):
    """The installed distributed is not one that this package can extend."""


def check_signatures() -> None:
    """Raise IncompatibleDask when an overridden part of distributed has changed.

    An untested release whose parts are all as we know them gives a warning.
    """
    import distributed

    installed: str = distributed.__version__  # type: ignore[attr-defined]
    changed = list(_changed())
    if changed:
        raise IncompatibleDask(
            f"distributed {installed} cannot be used: {'; '.join(changed)}. "
            f"Install release {_tested()}, or a newer jupyter-continuum."
        )
    if not TESTED_FROM <= _release(installed) <= TESTED_TO:
        warnings.warn(
            f"distributed {installed} was not tested with this jupyter-continuum; release "
            f"{_tested()} was.",
            stacklevel=2,
        )


def expected() -> dict[Callable[..., Any], tuple[str, ...]]:
    """What we override or call, and the parameters that it must have, in order."""
    from distributed import Nanny, Scheduler, Worker
    from distributed.active_memory_manager import ActiveMemoryManagerExtension, ReduceReplicas
    from distributed.comm.core import BaseListener, Connector, connect
    from distributed.comm.tcp import TCP, _close_comm, set_tcp_timeout
    from distributed.core import send_recv
    from distributed.diagnostics.plugin import SchedulerPlugin
    from distributed.http.utils import get_handlers
    from distributed.node import ServerNode

    return {
        Scheduler.replicate: (
            "self", "keys", "n", "workers", "branching_factor", "delete", "stimulus_id",
        ),
        Scheduler.retire_workers: (
            "self", "workers", "names", "close_workers", "remove", "stimulus_id", "kwargs",
        ),
        Scheduler.add_worker: (
            "self", "comm", "address", "status", "server_id", "nthreads", "name",
            "resolve_address", "now", "resources", "host_info", "memory_limit", "metrics", "pid",
            "services", "local_directory", "versions", "nanny", "extra", "stimulus_id",
        ),
        Scheduler.identity: ("self", "n_workers"),
        Scheduler.valid_workers: ("self", "ts"),
        Scheduler.decide_worker_non_rootish: ("self", "ts"),
        Scheduler._add_to_processing: ("self", "ts", "ws", "stimulus_id"),
        Scheduler._task_to_msg: ("self", "ts"),
        Scheduler._reschedule: ("self", "key", "worker", "stimulus_id"),
        Scheduler.transitions: ("self", "recommendations", "stimulus_id"),
        Scheduler.stimulus_queue_slots_maybe_opened: ("self", "stimulus_id"),
        Scheduler.handle_request_refresh_who_has: ("self", "keys", "worker", "stimulus_id"),
        Scheduler.request_acquire_replicas: ("self", "addr", "keys", "stimulus_id"),
        Scheduler.gather_on_worker: ("self", "worker_address", "who_has"),
        Scheduler.handle_worker_status_change: ("self", "status", "worker", "stimulus_id"),
        ActiveMemoryManagerExtension._find_recipient: (
            "self", "ts", "candidates", "pending_repl",
        ),
        ServerNode.start_http_server: (
            "self", "routes", "dashboard_address", "default_port", "ssl_options",
        ),
        ServerNode._stop_services: ("self",),
        Worker.close: ("self", "timeout", "executor_wait", "nanny", "reason"),
        Nanny.close_gracefully: ("self", "reason"),
        Nanny.instantiate: ("self",),
        ReduceReplicas.run: ("self",),
        SchedulerPlugin.transition: (
            "self", "key", "start", "finish", "args", "stimulus_id", "kwargs",
        ),
        SchedulerPlugin.add_worker: ("self", "scheduler", "worker"),
        SchedulerPlugin.remove_worker: (
            "self", "scheduler", "worker", "stimulus_id", "kwargs",
        ),
        connect: (
            "addr", "timeout", "deserialize", "handshake_overrides", "connection_args",
        ),
        send_recv: ("comm", "reply", "serializers", "deserializers", "kwargs"),
        Connector.connect: ("self", "address", "deserialize"),
        BaseListener.on_connection: ("self", "comm", "handshake_overrides"),
        TCP.__init__: ("self", "stream", "local_addr", "peer_addr", "deserialize"),
        TCP._get_finalizer: ("self",),
        TCP._read_extra: ("self",),
        _close_comm: ("ref",),
        set_tcp_timeout: ("comm",),
        get_handlers: ("server", "modules", "prefix"),
    }  # fmt: skip


def _changed() -> Iterator[str]:
    try:
        known = expected()
    except (ImportError, AttributeError) as error:
        yield f"a part of it is gone ({error})"
        return
    for function, parameters in known.items():
        found = tuple(inspect.signature(function).parameters)
        if found != parameters:
            yield f"{function.__qualname__} takes ({', '.join(found)})"


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())


def _tested() -> str:
    first, last = _text(TESTED_FROM), _text(TESTED_TO)
    return first if first == last else f"{first} to {last}"


def _text(release: tuple[int, int]) -> str:
    return ".".join(str(part) for part in release)
