"""A notebook's cells, each told as it ends, and in the file the reason why one did not."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient

from jupyter_continuum.table import cell as one_line

SHOWN = 60
"""Signs of a cell's first line that are shown."""
ENDED = {"", "0", "None"}
"""Values of a SystemExit that is no failure: the notebook has seen enough."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ARROW = re.compile(r"^-+> *(\d+) (.*)")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell that was run."""

    number: int
    """From 1, and of those that run: a kernel of Python counts the same in ``In [3]``."""
    of: int
    state: Literal["done", "failed", "interrupted"]
    seconds: float
    source: str
    """Its first line that says something."""
    error: str = ""
    """``ValueError: bad, at line 2: raise ValueError("bad")``"""

    def __str__(self) -> str:
        return f"cell {self.number} of {self.of}"


Tell = Callable[[Cell], None]


class CellClient(PapermillNotebookClient):  # type: ignore[misc]  # it is Any
    """papermill's client, which tells of every cell."""

    def __init__(self, nb_man: Any, *, on_cell: Tell | None = None, **options: Any) -> None:
        """``nb_man`` is papermill's NotebookExecutionManager, the options are nbclient's."""
        super().__init__(nb_man, **options)
        self._on_cell = on_cell
        self._number = 0
        self._of = sum(self._is_run(cell) for cell in self.nb.cells)

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:  # notebook nodes
        if not self._is_run(cell):
            return super().execute_cell(cell, cell_index, **options)
        self._number += 1
        started = time.monotonic()
        try:
            done = super().execute_cell(cell, cell_index, **options)
        except CellExecutionError as error:
            ended = error.ename == "SystemExit" and error.evalue in ENDED
            self._tell(cell, started, "" if ended else error_line(cell))
            raise
        except BaseException as error:
            # A kernel that is asked to end in the middle of a cell fails loudly, on our terminal.
            self.shutdown_kernel = "immediate"
            # Nothing of it is in the file yet: the kernel did not say it.
            _record(cell, error)
            self.nb_man.cell_exception(cell, cell_index=cell_index)
            self._tell(cell, started, error_line(cell), by_us=isinstance(error, KeyboardInterrupt))
            raise
        self._tell(cell, started, "")
        return done

    def _is_run(self, cell: Any) -> bool:  # as nbclient has it
        skipped = self.skip_cells_with_tag in cell.metadata.get("tags", [])
        return cell.cell_type == "code" and bool(cell.source.strip()) and not skipped

    def _tell(self, cell: Any, started: float, error: str, *, by_us: bool = False) -> None:
        if self._on_cell is not None:
            failed: Literal["interrupted", "failed"] = "interrupted" if by_us else "failed"
            self._on_cell(
                Cell(
                    self._number,
                    self._of,
                    failed if error else "done",
                    round(time.monotonic() - started, 3),
                    first_line(cell.source),
                    error,
                )
            )


def first_line(source: str) -> str:
    """The first line of a cell that is more than a comment, cut to ``SHOWN`` signs."""
    lines = [line for line in source.splitlines() if line.strip()]
    telling = next((line for line in lines if not line.lstrip().startswith("#")), lines[0])
    return one_line(telling)[:SHOWN]


def error_line(cell: Any) -> str:  # a notebook node
    """What a cell's error output says in one line, with the line of the cell that raised it."""
    error = next((each for each in cell.outputs if each.output_type == "error"), None)
    if error is None:
        return "it failed without a word"
    said = one_line(f"{error.ename}: {error.evalue}".removesuffix(": "))
    for line in _COLOUR.sub("", "\n".join(error.traceback)).splitlines():
        if found := _ARROW.match(line):
            return f"{said}, at line {found[1]}: {one_line(found[2])}"
    return said


def _record(cell: Any, error: BaseException) -> None:
    from nbformat.v4 import new_output

    name, value = type(error).__name__, str(error)
    if isinstance(error, DeadKernelError):
        value = "the kernel has ended; this machine may have run out of memory"
    elif isinstance(error, KeyboardInterrupt):
        value = "the run was interrupted"
    text = f"{name}: {value}"
    output = new_output("error", ename=name, evalue=value, traceback=[text])  # type: ignore[no-untyped-call]
    cell.outputs = [*cell.outputs, output]
