"""What a worker shows of itself; fetched through the relay, never over a port of its own."""

from __future__ import annotations

from html import escape

from dask.utils import format_bytes
from distributed.http.utils import RequestHandler


class Overview(RequestHandler):
    """One page: who this worker is, what it does, the last lines of its log."""

    def get(self) -> None:
        worker = self.server
        rows = {
            "Address": worker.address,
            "Scheduler": worker.scheduler.address,
            "Status": worker.status.name,
            "Threads": worker.state.nthreads,
            "Memory": format_bytes(worker.monitor.get_process_memory()),
            "Running": worker.state.executing_count,
            "Results held": len(worker.data),
        }
        table = "".join(f"<tr><th>{k}</th><td>{escape(str(v))}</td></tr>" for k, v in rows.items())
        log = "\n".join(line for _, line in reversed(worker.get_logs(n=50)))
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(
            f"<!doctype html><title>{escape(str(worker.name))}</title>"
            f"<h1>{escape(str(worker.name))}</h1><table>{table}</table><pre>{escape(log)}</pre>"
        )


routes: list[tuple[str, type, dict[str, object]]] = [(r"", Overview, {}), (r"main", Overview, {})]
