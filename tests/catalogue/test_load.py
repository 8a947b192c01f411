"""The person's records over the shipped ones, and errors that name file, line and field."""

from __future__ import annotations

import re
import time
from datetime import date
from pathlib import Path

import pytest

from jupyter_continuum.catalogue import Catalogue, load, shown
from jupyter_continuum.errors import CatalogueError, Unknown

TODAY = date(2026, 11, 22)


def own(tmp_path: Path, *records: str) -> Catalogue:
    """A catalogue with these records of one's own."""
    folder = tmp_path / "sites"
    folder.mkdir(exist_ok=True)
    for number, record in enumerate(records):
        (folder / f"record-{number}.yaml").write_text(record)
    return load([tmp_path], today=TODAY)


@pytest.mark.parametrize("config_path", [[], [Path("/nowhere")]])
def test_without_records_of_ones_own_the_shipped_ones_are_there(config_path: list[Path]):
    assert load(config_path, today=TODAY).site("lumi").name == "LUMI"


def test_own_records_come_from_jupyters_config_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    (tmp_path / "continuum" / "sites").mkdir(parents=True)
    (tmp_path / "continuum" / "sites" / "mine.yaml").write_text("id: mine\nname: M\nkind: own")
    assert load().site("mine").kind == "own"


def test_a_site_of_ones_own_takes_three_lines(tmp_path: Path):
    site = own(tmp_path, "id: lab\nname: Our lab\nkind: own\noffers:\n  gpu: {}").site("lab")
    assert site.name == "Our lab"
    assert site.lifecycle == "unknown"
    assert site.offers["gpu"].id == "lab/gpu"
    assert site.offers["gpu"].name == "gpu"


def test_one_field_is_overridden_and_the_rest_stays(tmp_path: Path):
    shipped = load([], today=TODAY).site("lumi")
    mine = own(
        tmp_path,
        "id: lumi\n"
        "ssh_port: 2222\n"
        "offers:\n"
        "  standard-g:\n"
        "    max_walltime_h: {value: 24, kind: measured, expires: 2027}\n"
        "  mine: {partition: mine}\n",
    ).site("lumi")
    (port,) = mine.ssh_port
    assert (port.value, port.kind) == (2222, "user")
    offer = mine.offers["standard-g"]
    assert shown(offer.max_walltime_h, TODAY) == 24
    assert offer.nodes == shipped.offers["standard-g"].nodes
    assert mine.country == shipped.country
    assert set(mine.offers) == {*shipped.offers, "mine"}


def test_the_later_folder_wins(tmp_path: Path):
    for folder, port in (("system", 1), ("user", 2)):
        (tmp_path / folder / "sites").mkdir(parents=True)
        (tmp_path / folder / "sites" / "x.yaml").write_text(f"id: lumi\nssh_port: {port}")
    catalogue = load([tmp_path / "system", tmp_path / "user"], today=TODAY)
    assert shown(catalogue.site("lumi").ssh_port, TODAY) == 2


def test_a_value_may_name_a_source_of_the_record_below(tmp_path: Path):
    site = own(tmp_path, "id: lumi\nssh_port: {value: 22, source: ug}").site("lumi")
    assert site.ssh_port[0].kind == "official"


def test_several_claims_and_a_value_looked_for_in_vain(tmp_path: Path):
    site = own(
        tmp_path,
        "id: lab\nname: L\nkind: own\nsource: wiki\n"
        "login_hosts: [a.example, b.example]\n"
        "pue: {value: null, note: asked twice}\n"
        "country:\n- {value: DE, kind: user}\n- {value: FR}\n"
        "sources:\n  wiki: {title: Our wiki, tier: official}\n",
    ).site("lab")
    assert site.login_hosts[0].value == ("a.example", "b.example")
    assert site.login_hosts[0].kind == "official"
    assert [claim.kind for claim in site.country] == ["user", "official"]
    assert site.country[0].source is None
    assert shown(site.pue, TODAY) is None
    assert site.pue[0].note == "asked twice"


OWN = "id: lab\nname: L\nkind: own\n"


@pytest.mark.parametrize(
    ("record", "line", "field", "what"),
    [
        ("id: lumi\ncolour: blue", 2, "colour", "no such field"),
        ("id: lumi\nssh_prot: 22", 2, "ssh_prot", "Did you mean 'ssh_port'?"),
        (
            "id: lumi\noffers:\n  standard-g:\n    max_walltime_min: 90",
            4,
            "offers.standard-g.max_walltime_min",
            "Did you mean 'max_walltime_h'?",
        ),
        (
            "id: lumi\noffers:\n  standard-g:\n    nodes: 1\n    max_walltime_h: 48 parsecs",
            5,
            "offers.standard-g.max_walltime_h",
            "Write a plain number of hours",
        ),
        ("id: lumi\noffers:\n  small: {max_walltime_h: '48'}", 3, "offers.small.max_", "'48'"),
        ("id: lumi\noffers:\n  small: {max_walltime_h: true}", 3, "offers.small.max_", "True"),
        ("id: lumi\noffers:\n  small: {max_walltime_h: -1}", 3, "offers.small.max_", "greater"),
        ("id: lumi\noffers:\n  small: {memory_gb_per_node: 1 TB}", 3, "memory_gb", "of GB"),
        ("id: lumi\noffers:\n  small: {nodes: 1.5}", 3, "offers.small.nodes", "integer"),
        ("id: lumi\noffers:\n  small: {nodes: .nan}", 3, "offers.small.nodes", "'.nan'"),
        ("id: lumi\noffers:\n  small: {id: x}", 3, "offers.small.id", "made from its key"),
        ("id: lumi\noffers:\n  Small Ones: {}", 3, "offers.Small Ones", "does not fit"),
        ("id: lumi\noffers: 7", 2, "offers", "7 does not fit"),
        ("id: lumi\noffers:\n  small: 7", 3, "offers.small", "7 does not fit"),
        ("id: lumi\npue: {value: 1.1, source: nobody}", 2, "pue", "'nobody' is not listed"),
        ("id: lumi\npue: {value: 1.1, source: [x]}", 2, "pue", "is not listed"),
        ("id: lumi\nsource: nobody", 2, "source", "'nobody' is not listed"),
        ("id: lumi\npue: {value: 1.1, kind: official}", 2, "pue", "names its source"),
        ("id: lumi\npue: {value: 1.1, kind: rumour}", 2, "pue.kind", "'rumour'"),
        ("id: lumi\npue: {value: 1.1, excuse: x}", 2, "pue.excuse", "no such field"),
        ("id: lumi\npue: {value: 1.1, expires: soon}", 2, "pue.expires", "'soon'"),
        ("id: lumi\ncountry: Finland", 2, "country", "'Finland'"),
        ("id: lumi\nlatitude: 91", 2, "latitude", "91"),
        ("id: lumi\nlifecycle: closed", 2, "lifecycle", "'closed'"),
        ("id: lumi\ndocs: 'javascript:alert(1)'", 2, "docs", "javascript"),
        ("id: lumi\nlogin_hosts: ['-oProxyCommand=x']", 2, "login_hosts", "-oProxy"),
        ("id: lumi\nlogin_hosts: lumi.csc.fi", 2, "login_hosts", "valid list"),
        ('id: lumi\nname: "a\\nb"', 2, "name", "does not fit"),
        ('id: lumi\ncity: "\\e[31mred"', 2, "city", "does not fit"),
        ('id: lumi\ncity: "abc\\u202Edef"', 2, "city", "does not fit"),
        ("id: lumi\noffers:\n  x: {partition: 'a; rm'}", 3, "offers.x.partition", "'a; rm'"),
        ("id: lumi\nsources:\n  w: {title: T}", 3, "sources.w", "'tier' is missing"),
        ("id: LUMI", 1, "id", "is not an id"),
        ("id: 7", 1, "id", "is not an id"),
        ("name: x", 1, "the record", "is not an id"),
        ("id: lab\nkind: own", 1, "the record", "'name' is missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, record: str, line: int, field: str, what: str):
    with pytest.raises(CatalogueError) as refused:
        own(tmp_path, record)
    message = str(refused.value)
    assert message.startswith(f"{tmp_path}/sites/record-0.yaml, line {line}, field ")
    assert field in message
    assert what in message
    assert message.isprintable()


def test_the_same_id_twice_in_one_folder_is_an_error(tmp_path: Path):
    with pytest.raises(CatalogueError, match=r"record-1.yaml, line 1, field id: 'lab' is the id"):
        own(tmp_path, OWN, OWN)


def test_the_error_names_the_file_that_holds_the_value(tmp_path: Path):
    for folder, text in (("a", "id: lumi\npue: 99"), ("b", "id: lumi\n\nssh_port: 22")):
        (tmp_path / folder / "sites").mkdir(parents=True)
        (tmp_path / folder / "sites" / "x.yaml").write_text(text)
    with pytest.raises(CatalogueError, match=r"a/sites/x.yaml, line 2, field pue"):
        load([tmp_path / "a", tmp_path / "b"])


def test_what_the_documentation_shows_is_taken(tmp_path: Path):
    text = (Path(__file__).parents[2] / "docs" / "sites.md").read_text()
    section = text.split("## What the catalogue says, corrected")[1].split("\n## ")[0]
    catalogue = own(tmp_path, *re.findall(r"```yaml\n(.*?)```", section, re.DOTALL))
    offer = catalogue.offer("lumi/standard-g")
    assert shown(offer.price_eur_per_hour, TODAY) == 2.8
    assert shown(catalogue.site("cellar").country, TODAY) == "NL"


def test_what_is_wrong_may_be_left_out_with_its_sentence(tmp_path: Path):
    """All that one's own files say of that site; the shipped record and other sites stay."""
    for folder, text in (("a", "id: lumi\nssh_port: 22"), ("b", "id: lumi\npue: 99"), ("c", OWN)):
        (tmp_path / folder / "sites").mkdir(parents=True)
        (tmp_path / folder / "sites" / "x.yaml").write_text(text)
    (tmp_path / "c" / "sites" / "y z.yaml").write_text("id: [")
    folders = [tmp_path / each for each in "abc"]
    catalogue = load(folders, today=TODAY, strict=False)
    assert set(catalogue.faults) == {"lumi", "y-z"}
    assert "b/sites/x.yaml, line 2, field pue" in catalogue.faults["lumi"]
    assert catalogue.site("lumi") == load([], today=TODAY).site("lumi")
    assert catalogue.site("lab").kind == "own"
    with pytest.raises(CatalogueError, match=r"c/sites/y z.yaml, line 2"):
        load(folders, today=TODAY)


def test_datasets_of_ones_own(tmp_path: Path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "scans.yaml").write_text(
        "id: scans\nname: Scans\nurl: s3://bucket/scans\nsite: lumi\n"
        "jurisdiction: [FI]\npersonal_data: true\nsize_gb: 120"
    )
    scans = load([tmp_path], today=TODAY).datasets["scans"]
    assert scans.site == "lumi"
    assert shown(scans.jurisdiction, TODAY) == ("FI",)


def test_unknown_names_are_answered_with_the_close_ones():
    catalogue = load([], today=TODAY)
    with pytest.raises(Unknown, match="Did you mean lumi"):
        catalogue.site("lumy")
    with pytest.raises(Unknown, match="Did you mean lumi/standard-g"):
        catalogue.offer("lumi/standrad-g")
    with pytest.raises(Unknown, match="jupyter continuum sites"):
        catalogue.site("zzzzzzzz")


def test_loading_is_quick():
    load([])
    spent = []
    for _ in range(3):
        start = time.process_time()
        load([])
        spent.append(time.process_time() - start)
    assert min(spent) < 0.25
