"""What a site of the rig is made of, and the configuration files that say so. Pure text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

INSTANCES = 8
"""Test runs that may go on at the same time on one machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSpec:
    """One site. ``instance`` keeps rigs of several test runs apart: ports, addresses, users."""

    name: str
    letter: str
    instance: int
    root: Path
    user: str
    slurm_user: str
    cpu_nodes: int = 2
    gpu_nodes: int = 2
    gpus_per_node: int = 4
    cpus_per_node: int = 16
    memory_mb: int = 64_000
    isolated: bool = False
    """Network namespaces: compute nodes can neither be dialled nor dial out."""
    proxied: bool = False
    """Isolated from a home of its own: nodes reach a proxy, and that one port of the home."""
    accounts: bool = False
    """slurmdbd and MariaDB."""
    contained: bool = True
    """Each node in a UTS, pid and mount namespace; False where namespaces are not allowed."""
    host_name: str = ""
    """Of this machine: what the daemons see where nodes are not contained."""
    gpu_devices: str = ""
    """Character devices that stand in for GPUs, as gres.conf names them."""
    delay_ms: float = 10
    rate_mbit: float = 200

    @property
    def index(self) -> int:
        if self.letter in "ab":
            return 2 * self.instance + (self.letter == "b")
        return 2 * INSTANCES + self.instance

    @property
    def port(self) -> int:
        """First of the site's 200 ports."""
        return 17_000 + 200 * self.index

    @property
    def ssh_port(self) -> int:
        return self.port + 22

    @property
    def login(self) -> str:
        return f"{self.letter}-login" if self.contained else self.host_name

    @property
    def login_address(self) -> str:
        return f"10.66.{self.index}.2" if self.isolated else "127.0.0.1"

    @property
    def outside_address(self) -> str:
        return f"10.66.{self.index}.1"

    @property
    def network(self) -> str:
        return f"10.77.{self.index}"

    @property
    def control_address(self) -> str:
        return f"{self.network}.1" if self.isolated else "127.0.0.1"

    @property
    def home(self) -> str:
        """The person's machine, where the site has one of its own; else it is this one."""
        return f"{self.letter}-home" if self.proxied else ""

    @property
    def door_port(self) -> int:
        """Of the home: where the proxy and nodes with a way out may dial."""
        return self.port + 60

    @property
    def proxy(self) -> str:
        return f"{self.letter}-proxy" if self.proxied else ""

    @property
    def proxy_address(self) -> str:
        return f"{self.network}.3"

    @property
    def proxy_port(self) -> int:
        return self.port + 61

    @property
    def machines(self) -> list[str]:
        """All that have a network of their own."""
        return [self.login, *self.nodes, *filter(None, (self.proxy, self.home))]

    @property
    def cpu_names(self) -> list[str]:
        return [f"{self.letter}-c{number}" for number in range(1, self.cpu_nodes + 1)]

    @property
    def gpu_names(self) -> list[str]:
        return [f"{self.letter}-g{number}" for number in range(1, self.gpu_nodes + 1)]

    @property
    def nodes(self) -> list[str]:
        return self.cpu_names + self.gpu_names

    def address(self, node: str) -> str:
        if not self.isolated:
            return "127.0.0.1"
        if node == self.proxy:
            return self.proxy_address
        return f"{self.network}.{11 + self.nodes.index(node)}"

    def node_port(self, node: str) -> int:
        return self.port + 100 + self.nodes.index(node)

    def path(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)


def slurm_conf(spec: SiteSpec) -> str:
    run, log = spec.path("run"), spec.path("log")
    lines = [
        f"ClusterName={spec.name}",
        f"SlurmctldHost={spec.login}({spec.control_address})",
        f"SlurmUser={spec.slurm_user}",
        f"SlurmctldPort={spec.port}",
        f"SlurmctldPidFile={run}/slurmctld.pid",
        f"SlurmdPidFile={run}/slurmd-%n.pid",
        f"SlurmctldLogFile={log}/slurmctld.log",
        f"SlurmdLogFile={log}/slurmd-%n.log",
        f"SlurmdSpoolDir={spec.path('spool')}/%n",
        f"StateSaveLocation={spec.path('state')}",
        "AuthType=auth/munge",
        f"AuthInfo=socket={run}/munge.sock",
        "CredType=cred/munge",
        # 16 CPUs and 64 GB a node on whatever this machine has.
        "SlurmdParameters=config_overrides",
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "MpiDefault=none",
        "SwitchType=switch/none",
        "JobAcctGatherType=jobacct_gather/none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core_Memory",
        "SchedulerType=sched/backfill",
        "SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2",
        "PreemptType=preempt/partition_prio",
        "PreemptMode=REQUEUE",
        "GresTypes=gpu",
        "MinJobAge=300",
        "KillWait=5",
        "InactiveLimit=0",
        "SlurmctldTimeout=30",
        "SlurmdTimeout=15",
        "MessageTimeout=5",
        "ReturnToService=2",
        "JobCompType=jobcomp/none",
    ]
    if not spec.contained:
        lines.append(f"SlurmdUser={spec.slurm_user}")
    if spec.accounts:
        lines += [
            "AccountingStorageType=accounting_storage/slurmdbd",
            f"AccountingStorageHost={spec.control_address}",
            f"AccountingStoragePort={spec.port + 1}",
            f"AccountingStoragePass={run}/munge.sock",
            "AccountingStorageEnforce=associations,limits,qos,safe",
            "AccountingStorageTRES=gres/gpu,gres/gpu:a100",
            "PriorityType=priority/multifactor",
            "EnforcePartLimits=ALL",
        ]
    return "\n".join(lines + _nodes(spec) + _partitions(spec)) + "\n"


def _nodes(spec: SiteSpec) -> list[str]:
    shared = f"CPUs={spec.cpus_per_node} RealMemory={spec.memory_mb} State=UNKNOWN"
    return [
        f"NodeName={node} NodeHostname={node if spec.contained else spec.host_name} "
        f"NodeAddr={spec.address(node)} Port={spec.node_port(node)} {shared}"
        + (f" Gres=gpu:a100:{spec.gpus_per_node}" if node in spec.gpu_names else "")
        for node in spec.nodes
    ]


def _partitions(spec: SiteSpec) -> list[str]:
    cpu, gpu = ",".join(spec.cpu_names), ",".join(spec.gpu_names)
    day, half_hour = "MaxTime=1-00:00:00", "DefaultTime=00:30:00 DefMemPerCPU=2000"
    return [
        f"PartitionName=cpu Nodes={cpu} Default=YES {day} {half_hour}",
        f"PartitionName=debug Nodes={spec.cpu_names[0]} MaxTime=00:05:00 DefaultTime=00:01:00 "
        "MaxNodes=1 DefMemPerCPU=2000 PriorityTier=10",
        f"PartitionName=preempt Nodes={cpu} {day} {half_hour} PriorityTier=0 GraceTime=5",
        f"PartitionName=gpu Nodes={gpu} MaxTime=04:00:00 DefaultTime=00:10:00 DefMemPerCPU=2000",
    ]


def gres_conf(spec: SiteSpec) -> str:
    """Without ``Flags=nvidia_gpu_env`` slurmd never sets CUDA_VISIBLE_DEVICES."""
    names = ",".join(spec.gpu_names)
    return f"NodeName={names} Name=gpu Type=a100 Flags=nvidia_gpu_env File={spec.gpu_devices}\n"


def slurmdbd_conf(spec: SiteSpec) -> str:
    run = spec.path("run")
    return (
        "AuthType=auth/munge\n"
        f"AuthInfo=socket={run}/munge.sock\n"
        f"DbdHost={spec.login}\nDbdAddr={spec.control_address}\nDbdPort={spec.port + 1}\n"
        f"SlurmUser={spec.slurm_user}\n"
        f"LogFile={spec.path('log')}/slurmdbd.log\nPidFile={run}/slurmdbd.pid\n"
        "StorageType=accounting_storage/mysql\nStorageHost=localhost\n"
        "StorageUser=slurm\nStoragePass=slurm\nStorageLoc=slurm_acct\nCommitDelay=1\n"
    )


def hosts(spec: SiteSpec) -> str:
    """The site's own /etc/hosts: its names mean nothing outside."""
    lines = ["127.0.0.1 localhost", f"{spec.control_address} {spec.login}"]
    if spec.isolated:
        lines.append(f"{spec.outside_address} outside")
    return "\n".join([*lines, *(f"{spec.address(node)} {node}" for node in spec.nodes)]) + "\n"


PROXY_USER, PROXY_PASSWORD = "grant", "pro-xy.secret"


def tinyproxy_conf(spec: SiteSpec) -> str:
    """CONNECT to the home's one port, for who names itself."""
    return (
        f"User nobody\nGroup nogroup\nListen {spec.proxy_address}\nPort {spec.proxy_port}\n"
        f"BasicAuth {PROXY_USER} {PROXY_PASSWORD}\nConnectPort {spec.door_port}\n"
        f"Timeout 600\nMaxClients 100\nLogLevel Connect\n"
    )


RESOLV_CONF = "options timeout:1 attempts:1\n"
"""No name server: an unreachable one costs 10 s a name, even for names in /etc/hosts."""
