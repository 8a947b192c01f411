"""The command line, ``jupyter continuum``: shows, asks and forwards, and decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status. Errors are one sentence on standard error."""
    import sys

    from jupyter_continuum.cli.arguments import parse
    from jupyter_continuum.cli.commands import run
    from jupyter_continuum.errors import ContinuumError
    from jupyter_continuum.table import clean

    options = parse(arguments)
    try:
        return run(options)
    except ContinuumError as error:
        print(f"jupyter continuum: {clean(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{options.interrupted}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read this output has seen enough (`| head`); a second flush would complain again.
        sys.stdout = None
        return 141
    except OSError as error:
        print(f"jupyter continuum: {clean(str(error))}.", file=sys.stderr)
        return 1
