"""Two real Slurm sites on this machine, for tests: site A beside us, site B behind walls."""
