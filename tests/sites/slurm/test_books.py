"""What accounts may still use: Slurm's text as recorded, and tables of sites' own commands."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.sites.protocols import Admits, Budget
from jupyter_continuum.sites.slurm import commands
from jupyter_continuum.sites.slurm.books import COMMANDS, parse_books
from jupyter_continuum.sites.slurm.nodes import parse_partitions

SAMPLE = Path(__file__).parents[2] / "samples" / "slurm" / "22.05" / "assoc_mgr.txt"
SSHARE = """\
root|||cpu=7,gres/gpu=0
 group||cpu=60000|cpu=12000,gres/gpu=9
  proj_1||cpu=6000,gres/gpu=600,mem=5|cpu=1500,gres/gpu=60
   proj_1|me||cpu=500
 other|||
  other|me||cpu=0
"""
LUMI = """\
Data updated: 2026-04-22 14:47:17
Project             |                    CPU (used/allocated)|               GPU (used/allocated)|
--------------------------------------------------------------------------------------------------
project_465002906   |              5/1000   (0.5%) core/hours|       339/300 (113.0%) gpu/hours|
project_462000353   |            657004/0    (N/A) core/hours|      9337612/0    (N/A) gpu/hours|
"""
SALDO = """\
-------------------------------------------------------------------------------------------------
account            start         end         total        localCluster   totConsumed     totConsumed
                                         (local h)   Consumed(local h)     (local h)               %
-------------------------------------------------------------------------------------------------
IscrB_One       20260107    20270107       2000000             1205697       1205697            60.3
--dcgp
IscrB_Two       20240711    20260430         80000                   0             0             0.0
"""


def test_slurms_own_books_tell_what_an_account_has_used_of_its_limits():
    books = parse_books(SAMPLE.read_text())
    assert books.budgets == (
        Budget("proj_1234", "cpu", 100.0, 0.0, "proj_1234"),
        Budget("proj_1234", "gres/gpu", 10.0, 0.0, "proj_1234"),
    )
    assert books.parents == {"proj_1234": "root"}


def test_limits_of_accounts_above_hold_too():
    books = parse_books(SSHARE)
    assert books.budgets == (
        Budget("proj_1", "cpu", 100.0, 25.0, "proj_1"),
        Budget("proj_1", "gres/gpu", 10.0, 1.0, "proj_1"),
        Budget("proj_1", "cpu", 1000.0, 200.0, "group"),
    )
    assert books.parents == {"group": "root", "proj_1": "group", "other": "root"}


def test_a_persons_own_limit_is_named_as_such():
    line = "Account=a UserName=me(7) Partition=gpu GrpTRESMins=cpu=120(30),gres/gpu=N(9)"
    (budget,) = parse_books(line).budgets
    assert budget == Budget("a", "cpu", 2.0, 0.5, "you in a", partition="gpu")


def test_accounts_in_a_ring_end():
    ring = "Account=a UserName= ParentAccount=b(2) GrpTRESMins=cpu=60(0)\n"
    ring += "Account=b UserName= ParentAccount=a(1) GrpTRESMins=cpu=N(0)\n"
    assert parse_books(ring + "Account=a UserName=me(7) GrpTRESMins=cpu=N(0)").budgets


def test_sites_with_a_command_of_their_own():
    books = parse_books(LUMI, "lumi-allocations")
    assert [(b.account, b.resource, b.granted_hours, b.used_hours) for b in books.budgets] == [
        ("project_465002906", "core-hour", 1000, 5),
        ("project_465002906", "GPU-hour", 300, 339),
        ("project_462000353", "core-hour", 0, 657004),
        ("project_462000353", "GPU-hour", 0, 9337612),
    ]
    one, two = parse_books(SALDO, "saldo").budgets
    assert (one.account, one.granted_hours, one.used_hours) == ("IscrB_One", 2e6, 1205697)
    assert (one.partition, one.until) == ("boost_*", "2027-01-07")
    assert (two.account, two.partition) == ("IscrB_Two", "dcgp_*")


def test_whom_a_partition_lets_in():
    line = "PartitionName=p AllowAccounts=a,b\x1b[1m AllowQos=ALL DenyQos=slow State=UP"
    (offer,) = parse_partitions(line, [], {})
    assert offer.admits == Admits(accounts=("a", "b [1m"), not_qos=("slow",))
    (offer,) = parse_partitions("PartitionName=p AllowAccounts=ALL AllowQos=ALL", [], {})
    assert offer.admits == Admits()


def test_of_a_big_site_only_the_persons_own_line_of_accounts_crosses():
    """The shell text, with a scontrol that knows other accounts too."""
    many = "".join(
        f"echo 'Account=o{n} UserName= ParentAccount=root(1) GrpTRESMins=cpu=9(0) X=1'\n"
        for n in range(3)
    )
    fake = (
        "scontrol() { echo 'Account=root UserName= ParentAccount= GrpTRESMins=cpu=N(0)'\n"
        f"{many}echo 'Account=top UserName= ParentAccount=root(1) GrpTRESMins=cpu=60(6)'\n"
        "echo 'Account=own UserName= ParentAccount=top(2) GrpTRESMins=cpu=N(0)'\n"
        'echo "Account=own UserName=$(id -un)(7) ParentAccount= GrpTRESMins=cpu=N(0)"; }\n'
        "part() { :; }\n"
    )
    text = subprocess.run(
        ["sh", "-c", f"{fake}{commands.books()}"], capture_output=True, text=True, check=True
    ).stdout
    assert "Account=o0" not in text
    assert parse_books(text).budgets == (Budget("own", "cpu", 1.0, 0.1, "top"),)


def test_a_sites_own_command_is_one_of_ours():
    for word, command in COMMANDS.items():
        assert shlex.split(command)[0] == word


@given(st.text(max_size=300))
def test_no_text_breaks_the_books(text):
    rows = f"Account={text} UserName={text} Partition={text} GrpTRESMins={text}\n{text}|{text}|x|y"
    for command in (None, *COMMANDS):
        books = parse_books(f"{rows}\n{text}", command)
        for budget in books.budgets if books else ():
            assert budget.account.isprintable()
            assert budget.holder.isprintable()
