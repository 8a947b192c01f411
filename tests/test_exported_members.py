from __future__ import annotations

import inspect

import jupyter_continuum as jc
from jupyter_continuum import workbench


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
    assert functions == set(jc.__all__) - {"__version__"}
    assert functions <= set(workbench.__all__)


def test_every_function_says_what_it_gives() -> None:
    for name in workbench.__all__:
        assert inspect.getdoc(getattr(workbench, name)), name
