"""``python -m jupyter_continuum.cli``: the same as ``jupyter continuum``."""

from jupyter_continuum.cli import main

raise SystemExit(main())
