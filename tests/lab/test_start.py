"""What JupyterLab's start has from the extension."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.lab.conftest import Lab
from tests.server.broker_double import BrokerDouble

pytestmark = pytest.mark.lab

OURS = "/lab/extensions/jupyter-continuum/static/"
LIMIT_BYTES = 150_000
LOADED = """() => performance.getEntriesByType('resource')
    .map(it => [it.name, it.decodedBodySize])"""
BINDINGS = """() => window.jupyterapp.commands.keyBindings
    .map(it => [it.command, it.keys.join(', ')])"""


def test_it_loads_little_asks_nobody_but_its_server_and_takes_no_key_of_others(
    lab: Lab, broker: BrokerDouble
) -> None:
    loaded = dict(lab.page.evaluate(LOADED))
    assert len(loaded) < 240, "the browser keeps 250 and drops the rest"
    own = lab.server.url("")
    assert [url for url in loaded if not url.startswith((own, "data:", "blob:"))] == []
    ours = {url: size for url, size in loaded.items() if OURS in url}
    assert any("remoteEntry" in url for url in ours)
    assert 0 < sum(ours.values()) < LIMIT_BYTES, ours
    assert [method for method, _ in broker.calls] == [], "nobody has opened anything"
    bindings: list[list[str]] = lab.page.evaluate(BINDINGS)
    keys = {keys for command, keys in bindings if command.startswith("jupyter-continuum:")}
    assert len(keys) == 2
    assert [each for each in bindings if each[1] in keys and "continuum" not in each[0]] == []
    lab.page.keyboard.press("Control+Alt+o")
    expect(lab.page.get_by_role("region", name="Browse compute")).to_be_visible()
