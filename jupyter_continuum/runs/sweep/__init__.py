"""Sweeps: one notebook with many parameters, each run in a process forked from a warm one.

``server`` is that warm process: it has imported what kernels need, has one thread and no socket
of a kernel, and forks a ``child`` for every run, which forks the run's ``kernel``.
"""
