"""The engine ``continuum`` of papermill, found by its entry point ``papermill.engine``.

papermill loads every entry point while it is itself being imported. So this module imports
nothing, and whoever is imported first, papermill or this module, both are whole afterwards.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def __getattr__(name: str) -> Any:  # a subclass of what papermill ships no annotations for
    if name != "ContinuumEngine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Before the class is made: where this import comes first, it makes the class itself.
    import papermill.engines  # noqa: F401

    return _engine()


@cache
def _engine() -> type:
    from papermill.engines import NBClientEngine

    class ContinuumEngine(NBClientEngine):  # type: ignore[misc]  # it is Any
        """Runs a notebook whose ``jc.attach()`` finds a cluster that is ready."""

        @classmethod
        def execute_managed_notebook(
            cls, nb_man: Any, kernel_name: str, **options: Any
        ) -> None:  # whatever papermill's own engine takes, and what ``execute`` takes
            from jupyter_continuum.runs.execution import execute

            execute(nb_man, kernel_name, **options)

    return ContinuumEngine
