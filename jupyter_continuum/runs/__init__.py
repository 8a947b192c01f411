"""Runs: parameterised notebooks, each on a cluster that is there for it.

papermill loads ``engine`` while it is itself being imported: nothing is imported here.
"""
