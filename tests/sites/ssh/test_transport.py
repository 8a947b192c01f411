"""SSH against real sshds: one with keys and certificates, one with one-time codes."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable

import pytest

from jupyter_continuum.errors import (
    CarrierDenied,
    HostKeyChanged,
    SignInRequired,
    SiteError,
    SiteUnreachable,
)
from jupyter_continuum.sites.protocols import Agent, Carrier, CarrierName, Endpoint, Question
from jupyter_continuum.sites.ssh.transport import SshTransport
from jupyter_continuum.sites.testing import DialledCarrierTests, FilesTests, ShellTests, echoed
from tests.rig.daemons import wait_until
from tests.rig.fixtures import ssh_login

pytestmark = pytest.mark.slurm


class Person:
    """Answers in turn; silent when there is no answer left."""

    def __init__(self, *answers: str | Callable[[], str]) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []

    async def ask(self, question: Question) -> str | None:
        self.questions.append(question)
        if not self.answers:
            return None
        answer = self.answers.pop(0)
        return answer if isinstance(answer, str) else answer()

    @property
    def kinds(self) -> list[str]:
        return [question.kind for question in self.questions]


class Visit:
    """A transport with its person and the host keys it pinned."""

    def __init__(self, login, *answers: str | Callable[[], str]) -> None:
        self.person = Person(*answers)
        self.pinned: list[str] = []
        self.transport = SshTransport(login, "siteb", self.person, self.pinned.append)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.transport.close()

    async def gets_in(self) -> bool:
        await self.transport.connect()
        return (await self.transport.run("exit 5")).status == 5


class TestSsh(ShellTests, FilesTests, DialledCarrierTests):
    """Over the wide link, and beside us."""

    @pytest.fixture
    async def transport(self, slurm_site):
        async with Visit(ssh_login(slurm_site)) as visit:
            await visit.transport.connect()
            yield visit.transport


class TestExec(DialledCarrierTests):
    """By a login node that denies forwarding, over the wide link and beside us."""

    NAME = CarrierName.EXEC

    @pytest.fixture
    async def transport(self, slurm_site):
        async with Visit(ssh_login(slurm_site, "closed")) as visit:
            await visit.transport.connect()
            yield visit.transport


async def test_a_host_key_is_confirmed_once_and_pinned(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b, host_key=None), "yes") as visit:
        assert await visit.gets_in()
        assert visit.person.kinds == ["host-key"]
        assert "SHA256:" in visit.person.questions[0].text
        assert visit.pinned == [slurm_site_b.login.host_key]
        await visit.transport.close()
        assert await visit.gets_in()
        assert visit.person.kinds == ["host-key"]


async def test_an_unconfirmed_host_key_ends_it(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b, host_key=None), "no") as visit:
        with pytest.raises(SignInRequired, match="not confirmed, so nothing was sent"):
            await visit.transport.connect()
        assert visit.pinned == []


async def test_another_host_key_is_refused_with_both_fingerprints(slurm_site_b):
    stranger = (slurm_site_b.login.folder / "stranger.pub").read_text().rsplit(" ", 1)[0]
    async with Visit(ssh_login(slurm_site_b, host_key=stranger)) as visit:
        with pytest.raises(HostKeyChanged) as caught:
            await visit.transport.connect()
    assert str(caught.value).count("SHA256:") == 2
    assert "nothing was sent" in str(caught.value)
    assert visit.person.questions == []


@pytest.fixture
def ecdsa_line(tmp_path) -> str:
    subprocess.run(["ssh-keygen", "-qtecdsa", "-N", "", "-f", tmp_path / "k"], check=True)
    return " ".join((tmp_path / "k.pub").read_text().split()[:2])


async def test_a_pinned_key_of_another_kind_is_refused_too(slurm_site_b, ecdsa_line):
    async with Visit(ssh_login(slurm_site_b, host_key=ecdsa_line)) as visit:
        with pytest.raises(HostKeyChanged):
            await visit.transport.connect()


async def test_a_pinned_key_that_is_none_is_named(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b, host_key="ssh-ed25519 AAAAwrong")) as visit:
        with pytest.raises(HostKeyChanged, match="Remove `host_key` from the profile"):
            await visit.transport.connect()


async def test_callers_at_once_share_one_prompt(slurm_site_b):
    login = ssh_login(slurm_site_b, "code")
    async with Visit(login, slurm_site_b.login.code) as visit:
        await asyncio.gather(*(visit.transport.connect() for _ in range(5)))
        assert visit.person.kinds == ["code"]
        assert visit.person.questions[0].secret


async def test_a_wrong_code_is_asked_again_once(slurm_site_b):
    login = ssh_login(slurm_site_b, "code")
    async with Visit(login, "000000", slurm_site_b.login.code) as visit:
        assert await visit.gets_in()
        assert visit.person.kinds == ["code", "code"]
        assert "not accepted" in visit.person.questions[1].text


async def test_two_wrong_codes_are_the_last(slurm_site_b):
    login = ssh_login(slurm_site_b, "code")
    async with Visit(login, "000000", "111111", slurm_site_b.login.code) as visit:
        with pytest.raises(SignInRequired, match="the answer was refused"):
            await visit.transport.connect()
        assert visit.person.kinds == ["code", "code"]


async def test_silence_is_no_answer_and_no_second_try(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b, "code")) as visit:
        with pytest.raises(SignInRequired, match="nobody answered"):
            await visit.transport.connect()
        assert visit.person.kinds == ["code"]


async def test_a_certificate_beside_the_key_lets_in(slurm_site_b, tmp_path):
    key = slurm_site_b.login.certify(tmp_path)
    async with Visit(ssh_login(slurm_site_b, key=str(key))) as visit:
        assert await visit.gets_in()


@pytest.mark.parametrize("named", [True, False])
async def test_an_expired_certificate_says_when_and_what_to_do(slurm_site_b, tmp_path, named):
    key = slurm_site_b.login.certify(tmp_path, "20200101:20200102")
    certificate = f"{key}-cert.pub" if named else None
    async with Visit(ssh_login(slurm_site_b, key=str(key), certificate=certificate)) as visit:
        with pytest.raises(SignInRequired, match=r"expired at 2020-01-0[12] .*step ssh login"):
            await visit.transport.connect()


async def test_a_stale_certificate_does_not_stand_before_a_good_key(slurm_site_b, tmp_path):
    slurm_site_b.login.certify(tmp_path, "20200101:20200102")
    shutil.copy(slurm_site_b.login.key, tmp_path / "certified")
    async with Visit(ssh_login(slurm_site_b, key=str(tmp_path / "certified"))) as visit:
        assert await visit.gets_in()


async def test_an_unknown_key_is_a_sentence(slurm_site_b):
    stranger = str(slurm_site_b.login.folder / "stranger")
    async with Visit(ssh_login(slurm_site_b, key=stranger)) as visit:
        with pytest.raises(SignInRequired, match="refuses the key"):
            await visit.transport.connect()
        assert visit.person.questions == []


@pytest.fixture
def locked_key(slurm_site_b, tmp_path) -> str:
    path = tmp_path / "locked"
    shutil.copy(slurm_site_b.login.key, path)
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "s3cret", "-f", path]
    subprocess.run(command, check=True, capture_output=True)
    return str(path)


async def test_a_locked_key_is_opened_by_the_person(slurm_site_b, locked_key):
    async with Visit(ssh_login(slurm_site_b, key=locked_key), "wrong", "s3cret") as visit:
        assert await visit.gets_in()
        assert visit.person.kinds == ["passphrase", "passphrase"]


async def test_a_key_that_stays_locked_is_a_sentence(slurm_site_b, locked_key):
    async with Visit(ssh_login(slurm_site_b, key=locked_key), "a", "b", "s3cret") as visit:
        with pytest.raises(SignInRequired, match="stayed locked"):
            await visit.transport.connect()


@pytest.fixture
def agent(slurm_site_b, tmp_path, monkeypatch):
    """An ssh-agent that holds the user's key."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL
    ) as process:
        try:
            wait_until((tmp_path / "agent").is_socket, "no ssh-agent")
            subprocess.run(["ssh-add", "-q", slurm_site_b.login.key], check=True)
            yield
        finally:
            process.terminate()


@pytest.mark.usefixtures("agent")
async def test_an_agent_lends_its_key(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b, key=None, use_agent=True)) as visit:
        assert await visit.gets_in()


async def test_jump_hosts_are_gone_through(slurm_site_a, slurm_site_b):
    jump = ssh_login(slurm_site_a, host_key=None)
    login = ssh_login(slurm_site_b, jump=(jump,))
    async with Visit(login, "yes") as visit:
        await visit.transport.connect()
        came_from = await visit.transport.run("hostname")
        assert came_from.stdout.strip() == slurm_site_b.spec.login
        assert visit.person.kinds == ["host-key"]
        assert visit.pinned == []  # the jump host's key is not this site's


async def test_forwarding_denied_is_said_when_it_is_asked_for(slurm_site_b, tmp_path):
    async with Visit(ssh_login(slurm_site_b, "closed")) as visit:
        await visit.transport.connect()
        endpoint = Endpoint(host="127.0.0.1", port=slurm_site_b.spec.ssh_port)
        with pytest.raises(CarrierDenied, match="denies forwarding"):
            await visit.transport.forward(endpoint, tmp_path / "f.sock")


@pytest.fixture
def echo_there(echo):
    """Beside ``sitea``, whose login node is this machine."""
    return Agent("jc-t", 0, "n", (echo,))


def by_exec(visit: Visit) -> Carrier:
    return next(each for each in visit.transport.carriers if each.name is CarrierName.EXEC)


async def test_one_relay_program_carries_all_ways_and_ends_with_the_last(
    slurm_site_a, echo_there, tmp_path
):
    """A login node allows ten sessions: twelve ways and commands beside them need two or three."""
    assert not slurm_site_a.relays()
    async with Visit(ssh_login(slurm_site_a, "closed")) as visit:
        await visit.transport.connect()
        carrier = by_exec(visit)
        paths = [tmp_path / f"{n}" for n in range(12)]
        forwards = await asyncio.gather(*(carrier.open(echo_there, path) for path in paths))
        words = [str(path).encode() for path in paths]
        assert await asyncio.gather(*map(echoed, paths, words)) == words
        done = await asyncio.gather(*(visit.transport.run("true") for _ in range(8)))
        assert {result.status for result in done} == {0}
        assert len(slurm_site_a.relays()) == 1
        for forward in forwards:
            await forward.close()
        await gone(slurm_site_a)


async def test_a_relay_program_ends_with_a_connection_that_broke(
    slurm_site_a, echo_there, tmp_path
):
    async with Visit(ssh_login(slurm_site_a, "closed")) as visit:
        await visit.transport.connect()
        await by_exec(visit).open(echo_there, tmp_path / "f")
        assert slurm_site_a.relays()
        visit.transport._connection.ssh.abort()
        await gone(slurm_site_a)


async def test_a_relay_program_that_was_killed_is_started_anew(slurm_site_a, echo_there, tmp_path):
    async with Visit(ssh_login(slurm_site_a, "closed")) as visit:
        await visit.transport.connect()
        forward = await by_exec(visit).open(echo_there, tmp_path / "f")
        reader, writer = await asyncio.open_unix_connection(forward.path)
        writer.write(b"x")
        await reader.readexactly(1)
        (pid,) = slurm_site_a.relays()
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            assert await reader.read() == b"", "who was connected sees the end"
        writer.close()
        assert await echoed(forward.path, b"again") == b"again"
        assert pid not in slurm_site_a.relays()


async def gone(site) -> None:
    async with asyncio.timeout(10):
        while site.relays():
            await asyncio.sleep(0.05)


async def test_a_site_that_is_gone_is_unreachable_and_comes_back(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b)) as visit:
        assert await visit.gets_in()
        waiting = asyncio.create_task(visit.transport.run("sleep 60"))
        await visit.transport.run("true")
        slurm_site_b.stop_sshd()
        try:
            with pytest.raises(SiteUnreachable):
                await waiting
            with pytest.raises(SiteUnreachable):
                await visit.transport.run("true")
            with pytest.raises(SiteUnreachable, match="cannot be reached"):
                await visit.transport.connect()
        finally:
            slurm_site_b.start_sshd()
        assert await visit.gets_in()


async def test_an_outage_shorter_than_the_keepalive_is_survived(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b)) as visit:
        assert await visit.gets_in()
        slurm_site_b.cut()
        try:
            with pytest.raises(SiteUnreachable):
                await visit.transport.run("true", timeout_seconds=1)
        finally:
            slurm_site_b.restore()
        assert (await visit.transport.run("echo on")).stdout == "on\n"


async def test_a_command_that_prints_too_much_is_ended(slurm_site_b):
    async with Visit(ssh_login(slurm_site_b)) as visit:
        await visit.transport.connect()
        told = f"/tmp/jct-{secrets.token_hex(8)}"
        with pytest.raises(SiteError, match="more than 16 MiB"):
            await visit.transport.run(f"echo $$ > {told}; yes jct; true")
        pid = (await visit.transport.run(f"cat {told}; rm {told}")).stdout.strip()
        assert (await visit.transport.run(f"ps -p {pid}")).status == 1


async def test_compute_nodes_are_reached_through_the_login_node_alone(slurm_site_b, tmp_path):
    node = slurm_site_b.spec.nodes[0]
    address, port = slurm_site_b.spec.address(node), slurm_site_b.spec.node_port(node)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await asyncio.open_connection(address, port)
    async with Visit(ssh_login(slurm_site_b)) as visit:
        await visit.transport.connect()
        forward = await visit.transport.forward(
            Endpoint(host=node, port=port), tmp_path / "f" / "s.sock"
        )
        await forward.close()
