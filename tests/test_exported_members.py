from __future__ import annotations

import inspect

import jupyter_continuum as jc
from jupyter_continuum import analysis, workbench

ANALYSIS = {"DeviceChunk", "on_device"}
"""Names of the room of analyses that are at the front door too."""


def test_every_exported_name_is_there_and_every_name_is_in_order() -> None:
    assert sorted(jc.__all__) == jc.__all__
    assert all(getattr(jc, name) is not None for name in jc.__all__)
    assert set(jc.__all__) <= set(dir(jc))


def test_every_function_of_the_workbench_is_exported() -> None:
    functions = {
        name
        for name, value in inspect.getmembers(workbench, inspect.isfunction)
        if value.__module__.startswith(workbench.__name__) and not name.startswith("_")
    }
    assert functions == set(jc.__all__) - {"__version__", "analysis", *ANALYSIS}
    assert functions <= set(workbench.__all__)


def test_names_of_analysis_are_the_same_by_both_ways() -> None:
    assert all(getattr(jc, name) is getattr(analysis, name) for name in ANALYSIS)
    assert sorted(analysis.__all__) == analysis.__all__
    assert all(callable(getattr(analysis, name)) for name in analysis.__all__)
    assert set(analysis.__all__) <= set(dir(analysis))


def test_every_function_says_what_it_gives() -> None:
    for room in (workbench, analysis):
        for name in room.__all__:
            assert inspect.getdoc(getattr(room, name)), name
