"""Real Slurm sites on this machine, for tests: site A beside us, site B behind walls, and on
demand site C, whose nodes get out through a proxy alone."""
