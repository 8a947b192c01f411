"""A class in one file: what is wrong in it is said with file, line and field, before it starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_continuum.catalogue.document import Document, read
from jupyter_continuum.errors import CatalogueError
from jupyter_continuum.planning.classroom import classroom_of, refuse_taken

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "notebooks" / "class.yaml"
ONE_SITE = """\
sites:
  bay:
    nodes: 2
    max_walltime_minutes: 30
cluster:
  name: main
  groups:
    - offer: bay/cpu
"""


def document(folder: Path, text: str) -> Document:
    path = folder / "lesson.yaml"
    path.write_text(text)
    return read(path)


def test_the_shipped_class_gives_every_student_its_sites_and_its_cluster() -> None:
    classroom = classroom_of(read(SHIPPED))
    profiles = {profile.site: profile for profile in classroom.profiles()}
    assert list(profiles) == ["fjord", "glacier", "iberia"]
    assert all(profile.kind == "emulated" and profile.name for profile in profiles.values())
    assert profiles["fjord"].emulated is not None
    assert profiles["fjord"].emulated.country == "NO"  # and not false
    assert profiles["glacier"].emulated is not None
    assert [fault.down for fault in profiles["glacier"].emulated.faults] == [True]
    assert classroom.cluster is not None
    assert [group.offer for group in classroom.cluster.groups] == [
        *("fjord/cpu", "glacier/cpu", "iberia/cpu")
    ]


def test_the_class_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "teaching.md").read_text()
    (text,) = re.findall(r"```yaml\n(sites:.*?)```", page, re.DOTALL)
    classroom = classroom_of(document(tmp_path, text))
    assert [len(site.faults) for site in classroom.sites.values()] == [3]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("cluster: 3\n", "line 1, field", "'sites' is missing. Add it."),
        ("sites: {}\n", "line 1, field sites", "at least 1 item"),
        ("sites:\n  bay: 3\n", "line 2, field sites.bay", "should be a mapping"),
        ("sites:\n  A b: {}\n", "line 2, field sites.A b", "'A b' does not fit"),
        ("sites:\n  bay:\n    nodes: 0\n", "line 3, field sites.bay.nodes", "0 does not fit"),
        ("sites:\n  bay: {}\n  bay: {}\n", "line 3", "'bay' is written twice"),
        (
            "sites:\n  bay:\n    queue_second: 1\n",
            "line 3, field sites.bay.queue_second",
            "Did you mean 'queue_seconds'?",
        ),
        (
            "sites:\n  bay:\n    faults:\n      - down: false\n",
            "line 4, field sites.bay.faults.0",
            "nothing goes wrong in it",
        ),
        (
            "sites:\n  bay:\n    faults:\n      - down: true\n        offer: 3\n",
            "line 5, field sites.bay.faults.0.offer",
            "Choose one of after_seconds,",
        ),
        (ONE_SITE.replace("name: main", "lease_minutes: 5"), "field cluster", "'name' is missing"),
        (
            ONE_SITE.replace("bay/cpu", "bax/cpu"),
            "line 8, field cluster.groups.0",
            "Did you mean bay/cpu?",
        ),
        (
            ONE_SITE + "      walltime_minutes: 31\n",
            "line 8, field cluster.groups.0",
            "30 minutes at most",
        ),
        (ONE_SITE + "      nodes: 3\n", "line 8, field cluster.groups.0", "at most 2 nodes"),
        (
            ONE_SITE + "      workers_per_node: 5\n",
            "line 8, field cluster.groups.0",
            "has 4 CPUs; 5 are asked for",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_with_file_line_and_field(
    tmp_path: Path, text: str, where: str, what: str
) -> None:
    with pytest.raises(CatalogueError) as refusal:
        classroom_of(document(tmp_path, text))
    sentence = str(refusal.value)
    assert sentence.startswith(f"{tmp_path / 'lesson.yaml'}, ")
    assert where in sentence
    assert what in sentence
    assert "\n" not in sentence


def test_an_imitation_does_not_pass_for_a_real_site(tmp_path: Path) -> None:
    lesson = document(tmp_path, ONE_SITE)
    refuse_taken(lesson, classroom_of(lesson), {"lumi"})
    with pytest.raises(CatalogueError, match=r"line 2, field sites\.bay: 'bay' is a real site"):
        refuse_taken(lesson, classroom_of(lesson), {"lumi", "bay"})
