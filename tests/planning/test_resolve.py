"""A Plan becomes exact jobs, or one sentence on why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_continuum.errors import PlanRefused
from jupyter_continuum.planning.known import KnownOffer, KnownSite
from jupyter_continuum.planning.plan import GroupPlan, Plan
from jupyter_continuum.planning.resolve import ResolvedGroup, ResolvedPlan, resolve
from jupyter_continuum.sites.protocols import Association

GPU = KnownOffer(
    id="siteb/gpu",
    site="siteb",
    partition="gpu",
    max_walltime_seconds=7200,
    max_nodes=4,
    nodes_total=8,
    gpus_per_node=4,
    gpu_type="a100",
    cpus_per_node=64,
    memory_gb_per_node=512,
)
CPU = KnownOffer(
    id="sitea/main", site="sitea", partition="main", gpus_per_node=0, cpus_per_node=128
)
VAGUE = KnownOffer(id="lab/box", site="lab")
RETIRED = KnownOffer(
    id="puhti/gpu", site="puhti", launchable=False, reason="Puhti was shut down. Use roihu."
)
SITES = (
    KnownSite(id="sitea", prologue="module load python"),
    KnownSite(id="siteb", python="/opt/py", account="proj1"),
    KnownSite(id="lab"),
)


def resolved(*groups: dict[str, Any], sites: tuple[KnownSite, ...] = SITES) -> ResolvedPlan:
    plan = Plan(groups=tuple(GroupPlan(**group) for group in groups))
    return resolve(plan, (GPU, CPU, VAGUE, RETIRED), sites)


def one(offer: str, **group: Any) -> ResolvedGroup:
    return resolved({"offer": offer, **group}).groups[0]


def refusal(*groups: dict[str, Any], sites: tuple[KnownSite, ...] = SITES) -> str:
    with pytest.raises(PlanRefused) as refused:
        resolved(*groups, sites=sites)
    return str(refused.value)


def test_a_gpu_offer_gets_one_worker_per_gpu():
    group = one("siteb/gpu", nodes=2)
    assert (group.workers_per_node, group.gpus_per_worker, group.cpus_per_worker) == (4, 1, 16)
    assert (group.gpu_type, group.partition, group.workers) == ("a100", "gpu", 8)
    assert (group.python, group.account, group.walltime_seconds) == ("/opt/py", "proj1", 3600)


def test_a_cpu_offer_gets_one_worker_per_node():
    group = one("sitea/main")
    assert (group.workers_per_node, group.gpus_per_worker, group.cpus_per_worker) == (1, 0, 128)
    assert group.prologue == "module load python"
    assert group.memory_gb_per_worker == 0


def test_cores_are_shared_fairly():
    assert one("sitea/main", workers_per_node=6).cpus_per_worker == 21
    assert one("sitea/main", workers_per_node=512).cpus_per_worker == 1
    assert one("siteb/gpu", gpus_per_worker=2).cpus_per_worker == 32


@pytest.mark.parametrize(
    ("asked", "workers", "gpus", "gpu_type"),
    [
        ({"gpus_per_worker": 2}, 2, 2, "a100"),
        ({"gpus_per_worker": 3}, 1, 3, "a100"),
        ({"workers_per_node": 2}, 2, 1, "a100"),
        ({"gpus_per_worker": 0}, 1, 0, ""),
        ({"gpus_per_worker": 0, "workers_per_node": 8}, 8, 0, ""),
    ],
)
def test_the_plan_may_lay_out_a_node_itself(
    asked: dict[str, int], workers: int, gpus: int, gpu_type: str
):
    group = one("siteb/gpu", **asked)
    assert (group.workers_per_node, group.gpus_per_worker, group.gpu_type) == (
        workers,
        gpus,
        gpu_type,
    )


def test_the_default_walltime_respects_a_short_limit():
    short = KnownOffer(id="siteb/gpu", site="siteb", max_walltime_seconds=1800)
    plan = Plan(groups=(GroupPlan(offer="siteb/gpu"),))
    assert resolve(plan, [short], SITES).groups[0].walltime_seconds == 1800


def test_groups_without_a_name_are_called_like_their_site():
    groups = ({"offer": "sitea/main"}, {"offer": "siteb/gpu"}, {"offer": "sitea/main"})
    named = {"offer": "siteb/gpu", "name": "sitea-2"}
    assert [group.name for group in resolved(*groups).groups] == ["sitea", "siteb", "sitea-2"]
    names = [group.name for group in resolved(*groups, named).groups]
    assert names == ["sitea", "siteb", "sitea-3", "sitea-2"]


def test_a_long_site_id_still_makes_names_that_fit():
    site = "x" * 31 + "-" + "y" * 8
    offer = KnownOffer(id=f"{site}/a", site=site)
    plan = Plan(groups=(GroupPlan(offer=offer.id),) * 3)
    names = [group.name for group in resolve(plan, [offer], [KnownSite(id=site)]).groups]
    assert names == ["x" * 31, "x" * 30 + "-2", "x" * 30 + "-3"]


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"offer": "siteb/gpus"}, ("no offer 'siteb/gpus'", "Did you mean siteb/gpu")),
        ({"offer": "zzz"}, ("no offer 'zzz'", "`jupyter continuum offers`")),
        ({"offer": "puhti/gpu"}, ("puhti/gpu cannot be launched", "Use roihu")),
        ({"offer": "siteb/gpu", "gpus_per_worker": 8}, ("4 GPUs per node", "asks for 8")),
        ({"offer": "siteb/gpu", "workers_per_node": 5}, ("4 GPUs per node", "asks for 5")),
        ({"offer": "sitea/main", "gpus_per_worker": 1}, ("sitea/main has no GPUs", "0 GPUs")),
        ({"offer": "siteb/gpu", "nodes": 5}, ("at most 4 nodes", "asks for 5", "fewer nodes")),
        ({"offer": "siteb/gpu", "walltime_minutes": 121}, ("120 minutes at most", "for 121")),
        ({"offer": "siteb/gpu", "memory_gb_per_worker": 200}, ("512 GB", "800 GB")),
        ({"offer": "sitea/main", "jobs": 0}, ("no workers", "at least one group a job")),
    ],
)
def test_what_an_offer_cannot_give_is_refused(group: dict[str, Any], said: tuple[str, ...]):
    message = refusal(group)
    for part in said:
        assert part in message
    assert message.isprintable()


def test_a_site_without_profile_is_refused_with_the_command():
    assert "`jupyter continuum connect sitea`" in refusal({"offer": "sitea/main"}, sites=())


def test_two_groups_of_one_name_are_refused():
    group = {"offer": "sitea/main", "name": "left"}
    assert "Two groups are called 'left'" in refusal(group, group)


def test_a_group_may_start_empty_beside_another():
    plan = resolved({"offer": "sitea/main", "jobs": 0}, {"offer": "siteb/gpu"})
    assert [group.workers for group in plan.groups] == [0, 4]
    assert plan.workers == 4


def test_what_is_unknown_refuses_nothing_and_warns():
    plan = resolved(
        {
            "offer": "lab/box",
            "nodes": 900,
            "gpus_per_worker": 2,
            "cpus_per_worker": 64,
            "walltime_minutes": 9000,
            "memory_gb_per_worker": 9000,
        }
    )
    assert plan.groups[0].workers_per_node == 1
    assert len(plan.warnings) == 2
    assert "GPUs" in plan.warnings[0]
    assert "time limit" in plan.warnings[1]


def test_more_nodes_than_there_are_at_once_is_a_warning():
    (warning,) = resolved({"offer": "siteb/gpu", "nodes": 4, "jobs": 3}).warnings
    assert "8 nodes" in warning
    assert "3 jobs of 4 nodes" in warning


def test_more_cores_than_recorded_is_a_warning():
    (warning,) = resolved({"offer": "sitea/main", "cpus_per_worker": 256}).warnings
    assert "128 cores" in warning


ASSOCIATIONS = (
    Association("proj1", qos=("normal", "debug")),
    Association("proj2", qos=("normal",)),
    Association("big", qos=("long",), partition="other"),
    Association("evil\x1b[31m", qos=("x",)),
)


def charged(**group: Any) -> dict[str, Any]:
    sites = (KnownSite(id="siteb", associations=ASSOCIATIONS),)
    found = resolved({"offer": "siteb/gpu", **group}, sites=sites).groups[0]
    return {"account": found.account, "qos": found.qos}


def charge_refused(**group: Any) -> str:
    sites = (KnownSite(id="siteb", associations=ASSOCIATIONS),)
    return refusal({"offer": "siteb/gpu", **group}, sites=sites)


def test_account_and_qos_are_checked_against_the_associations():
    assert charged(account="proj1", qos="debug") == {"account": "proj1", "qos": "debug"}
    assert charged(qos="debug") == {"account": "", "qos": "debug"}
    assert charge_refused(account="nope").endswith("Choose one of proj1, proj2.")
    assert charge_refused(account="big").endswith("Choose one of proj1, proj2.")
    assert "'proj2'. Choose one of normal." in charge_refused(account="proj2", qos="debug")
    assert "Choose one of debug, normal." in charge_refused(qos="long")


def test_without_an_account_the_sites_default_is_charged_and_that_is_said():
    sites = (KnownSite(id="siteb", associations=ASSOCIATIONS),)
    plan = resolved({"offer": "siteb/gpu"}, sites=sites)
    assert plan.warnings == ("siteb/gpu: no account is chosen, so siteb charges its default one.",)


def test_the_only_account_is_taken():
    sites = (KnownSite(id="siteb", associations=(Association("proj9"),)),)
    group = resolved({"offer": "siteb/gpu", "qos": "any"}, sites=sites).groups[0]
    assert (group.account, group.qos) == ("proj9", "any")


def test_a_partition_nobody_may_use_is_refused():
    sites = (KnownSite(id="siteb", associations=(Association("a", partition="cpu"),)),)
    message = refusal({"offer": "siteb/gpu"}, sites=sites)
    assert "may use the partition 'gpu'" in message
    assert message.endswith("Choose one of cpu.")


def test_the_plans_word_wins_over_the_offers_and_the_profiles():
    offer = KnownOffer(id="siteb/gpu.debug", site="siteb", qos="debug")
    site = KnownSite(id="siteb", qos="normal", account="profile")
    for asked, qos in (({}, "debug"), ({"qos": "mine"}, "mine")):
        plan = Plan(groups=(GroupPlan(offer=offer.id, **asked),))
        group = resolve(plan, [offer], [site]).groups[0]
        assert (group.qos, group.account) == (qos, "profile")


@pytest.mark.parametrize("field", ["partition", "gpu_type"])
def test_text_that_could_break_a_script_is_refused(field: str):
    offer = KnownOffer(**{"id": "lab/x", "site": "lab", field: "gpu\n#SBATCH --wrap=evil"})
    with pytest.raises(PlanRefused, match="cannot be written into a job script") as refused:
        resolve(Plan(groups=(GroupPlan(offer="lab/x"),)), [offer], SITES)
    assert str(refused.value).isprintable()


numbers = st.one_of(st.none(), st.integers(0, 64))


@given(
    jobs=st.integers(1, 5),
    nodes=st.integers(1, 9),
    workers=st.one_of(st.none(), st.integers(1, 64)),
    gpus=numbers,
    offer=st.builds(
        KnownOffer,
        id=st.just("lab/x"),
        site=st.just("lab"),
        max_nodes=numbers,
        nodes_total=numbers,
        gpus_per_node=numbers,
        cpus_per_node=numbers,
        max_walltime_seconds=st.one_of(st.none(), st.integers(60, 10_000)),
    ),
)
def test_a_resolved_plan_fits_its_offer(
    jobs: int, nodes: int, workers: int | None, gpus: int | None, offer: KnownOffer
):
    asked = GroupPlan(
        offer="lab/x", jobs=jobs, nodes=nodes, workers_per_node=workers, gpus_per_worker=gpus
    )
    try:
        group = resolve(Plan(groups=(asked,)), [offer], SITES).groups[0]
    except PlanRefused:
        return
    assert group.workers_per_node >= 1
    assert group.cpus_per_worker >= 1
    assert group.walltime_seconds <= (offer.max_walltime_seconds or 3600)
    assert offer.max_nodes is None or group.nodes <= offer.max_nodes
    if offer.gpus_per_node is not None:
        assert group.gpus_per_worker * group.workers_per_node <= offer.gpus_per_node
    if workers is None and offer.cpus_per_node:
        total = group.cpus_per_worker * group.workers_per_node
        assert total <= max(offer.cpus_per_node, group.workers_per_node)
