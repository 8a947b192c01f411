"""The list of methods, compared with what a broker answers."""

from __future__ import annotations

import inspect
import re

import pytest

from jupyter_continuum.broker.broker import Broker
from jupyter_continuum.broker.messages.methods import METHODS

WITH_ITS_FACE = {"hold", "release", "subscribe"}
"""Answered by the server, which knows who asks."""


def test_every_method_that_is_listed_is_answered_and_no_other() -> None:
    assert set(Broker().methods) == set(METHODS) - WITH_ITS_FACE


@pytest.mark.parametrize("name", sorted(set(METHODS) - WITH_ITS_FACE - {"report"}))
def test_a_method_takes_what_the_list_says(name: str) -> None:
    listed = re.findall(r"(?:^\(|, )(\w+)", METHODS[name].partition(") ")[0])
    assert listed == list(inspect.signature(Broker().methods[name]).parameters)
