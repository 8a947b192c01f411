"""Accounting of a site: MariaDB, slurmdbd, accounts and QoS."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.rig.daemons import Daemons, RigError, wait_until
from tests.rig.network import Network, command
from tests.rig.spec import SiteSpec

SEED = (
    "add qos debug Priority=100 MaxWall=00:05:00 MaxJobsPerUser=1",
    "add qos long Priority=10 MaxTRESPerUser=cpu=32,gres/gpu=4",
    "add qos strict MaxSubmitJobsPerUser=1 Flags=DenyOnLimit",
    "add account proj_1234 Description=grant Organization=x GrpTRESMins=cpu=6000,gres/gpu=600",
    "add account proj_other Description=other Organization=x",
    "add user {user} Account=proj_1234 QOS=normal,debug,long,strict DefaultQOS=normal",
    "add user {user} Account=proj_other QOS=normal",
)
"""An allocation with a budget, a second account, and QoS with limits of their own."""


@dataclass(frozen=True, slots=True)
class Accounts:
    spec: SiteSpec
    daemons: Daemons
    network: Network

    @property
    def data(self) -> Path:
        return self.spec.path("db")

    @property
    def socket(self) -> Path:
        return self.spec.path("run", "mysqld.sock")

    def template(self) -> Path:
        """A database with the accounts in it, kept from the first time: seeding takes 10 s."""
        version = subprocess.run(["mariadbd", "--version"], capture_output=True, check=True).stdout
        recipe = "\n".join([*SEED, self.spec.name, self.spec.user]).encode() + version
        digest = hashlib.sha256(recipe).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"jc-rig-db-{os.getuid()}-{digest}"

    def start_database(self) -> None:
        template = self.template()
        if template.exists():
            command("cp", "-a", "--sparse=always", template, self.data)
        else:
            self.data.mkdir()
            shutil.chown(self.data, "mysql", "mysql")
            command(
                "mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={self.data}",
                "--auth-root-authentication-method=socket", "--skip-test-db",
                "--skip-name-resolve", "--innodb-log-file-size=8M",
            )  # fmt: skip
        self._spawn_database()
        self._sql(
            "create database if not exists slurm_acct; "
            "create user if not exists slurm@localhost identified by 'slurm'; "
            "grant all on slurm_acct.* to slurm@localhost"
        )

    def _spawn_database(self) -> None:
        self.daemons.spawn(
            "mariadbd",
            [
                "mariadbd",
                "--no-defaults",
                "--user=mysql",
                f"--datadir={self.data}",
                f"--socket={self.socket}",
                "--skip-networking",
                "--performance-schema=OFF",
                "--innodb-buffer-pool-size=32M",
                "--innodb-log-file-size=8M",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-lock-wait-timeout=900",
                f"--pid-file={self.spec.path('db')}/own.pid",
            ],
        )
        ping = ["mariadb-admin", "--no-defaults", f"--socket={self.socket}", "ping"]
        wait_until(
            lambda: subprocess.run(ping, capture_output=True, check=False).returncode == 0,
            f"MariaDB does not answer; see {self.daemons.log}/mariadbd.out",
            seconds=60,
        )

    def _sql(self, text: str) -> None:
        command("mariadb", "--no-defaults", f"--socket={self.socket}", "-e", text)

    def count_energy(self, job: str, joules: int) -> None:
        """Have it of that job, as slurmdbd writes it where nodes have counters."""
        without = "regexp_replace(tres_alloc, ',3=[0-9]+', '')"  # "none was read", as a number
        self._sql(
            f"update slurm_acct.{self.spec.name}_job_table "
            f"set tres_alloc = concat({without}, ',3={joules}') where id_job = {int(job)}"
        )

    def start_slurmdbd(self, at_login: list[str]) -> None:
        environment = {"MYSQL_UNIX_PORT": str(self.socket)}
        self.daemons.spawn("slurmdbd", [*at_login, "slurmdbd", "-D"], environment)

    def sacctmgr(self, *words: str) -> None:
        """Try until slurmdbd answers and slurmctld has registered its GPUs with it."""
        argv = [*self.network.inside(self.spec.login), "sacctmgr", "-i", *words]
        last: list[str] = []

        def done() -> bool:
            environment = {**os.environ, **self.daemons.environment}
            result = subprocess.run(
                argv, capture_output=True, text=True, env=environment, check=False
            )
            text = result.stdout + result.stderr
            last[:] = [text.strip()]
            return result.returncode == 0 or "already exists" in text

        try:
            wait_until(done, f"sacctmgr {' '.join(words)} failed")
        except RigError as error:
            raise RigError(f"{error}: {last}") from None

    def seed(self, at_login: list[str]) -> None:
        """After slurmctld is up: it is what makes gres/gpu known to the database."""
        template = self.template()
        if template.exists():
            return
        for line in SEED:
            self.sacctmgr(*line.format(user=self.spec.user).split())
        self.daemons.end("slurmdbd")
        self.daemons.end("mariadbd", patience=20)
        partial = template.with_suffix(f".{os.getpid()}")
        command("cp", "-a", "--sparse=always", self.data, partial)
        partial.rename(template)
        self._spawn_database()
        self.start_slurmdbd(at_login)
