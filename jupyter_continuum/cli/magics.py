"""``%load_ext jupyter_continuum``, then ``%continuum``: the words of the command line in a cell."""

from __future__ import annotations

import shlex
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

import jupyter_continuum as jc
from jupyter_continuum.cli.arguments import parse
from jupyter_continuum.cli.commands import HOME, run
from jupyter_continuum.errors import ContinuumError
from jupyter_continuum.table import clean

NOT_IN_A_CELL = {"dashboard", "demo"}
"""They go on until somebody presses Ctrl-C at a terminal."""


@magics_class
class ContinuumMagics(Magics):
    """One magic; what it answers is what a terminal would show."""

    @line_magic
    def continuum(self, line: str) -> Any:  # a cluster, or nothing
        """``%continuum WORDS`` is ``jupyter continuum WORDS``; alone, it lists clusters.

        ``%continuum attach [CLUSTER]`` makes ``cluster`` and ``client`` of it, in this notebook;
        ``%continuum --help`` lists all words.
        """
        words = _split(line) or ["list"]
        if words[0] == "attach":
            return self._attach(words[1:])
        if words[0] in NOT_IN_A_CELL:
            raise UsageError(f"Run `jupyter continuum {words[0]}` in a terminal: it does not end.")
        try:
            options = parse(words)
        except SystemExit as end:
            if not end.code:  # --help
                return None
            if words[0] not in HOME:
                raise UsageError("`%continuum --help` lists all words.") from None
            raise UsageError(f"`%continuum {words[0]} --help` lists what it takes.") from None
        try:
            status = run(options)
        except KeyboardInterrupt:
            raise UsageError(options.interrupted) from None
        except (ContinuumError, OSError) as error:
            raise UsageError(clean(str(error))) from error
        if status:  # so that a notebook which nobody watches does not go on
            raise UsageError(f"`jupyter continuum {words[0]}` failed, as it says above.")
        return None

    def _attach(self, words: list[str]) -> Any:
        if len(words) > 1:
            raise UsageError("`%continuum attach` takes one cluster, or none where only one runs.")
        try:
            cluster = jc.attach(*words)
            client = cluster.get_client()
        except ContinuumError as error:
            raise UsageError(clean(str(error))) from error
        assert self.shell is not None  # it has loaded this
        self.shell.user_ns |= {"cluster": cluster, "client": client}
        return cluster


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"`%continuum {line}`: {error}; close what you quote.") from error


def load(shell: Any) -> None:  # an InteractiveShell
    """Let ``shell`` know the magic."""
    shell.register_magics(ContinuumMagics)
