"""Measures, on one node, what works there; the text of this file travels with the job.

Run as ``python3 program.py FOLDER``, with ``join-0.json`` in that folder. It is run by whatever
Python a node has: the standard library alone, and nothing that came after Python 3.6. What it
finds it prints, one line a field, ``NONCE FIELD JSON``; whoever reads that trusts none of it.
The password in a proxy's address is said to that proxy, and to nobody else.
"""

import base64
import ctypes
import functools
import glob
import hmac
import json
import os
import platform
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple  # list[str]: 3.9

DIAL_SECONDS = 4.0
RESOLVE_SECONDS = 6.0
STEP_SECONDS = 20.0
"""A file system that hangs must not hide what else there is."""
COMMAND_SECONDS = 8.0
MAX_ENTRIES = 16
PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
TOOLS = ("apptainer", "singularity", "podman", "docker", "enroot", "sarus")
FOLDERS = ("/tmp", "/local", "/local_scratch", "/localscratch", "/scratch/local", "/dev/shm")
FOLDER_VARIABLES = ("TMPDIR", "SLURM_TMPDIR", "LOCAL_SCRATCH", "JOBSCRATCH", "LOCALDIR")
OUTCOMES = {
    ConnectionRefusedError: "refused",
    socket.timeout: "timed out",
    TimeoutError: "timed out",
}

ANSWERS = ("connected", "somebody else", "refused", "timed out", "no route", "no name")
"""What says most about a port comes first."""

Target = Dict[str, Any]  # Any: a host is text, a port a number


def say(nonce: str, field: str, value: object) -> None:
    """One line, in one write: lines of several threads do not mix."""
    text = "\n%s %s %s\n" % (nonce, field, json.dumps(value))
    os.write(1, text.encode("ascii"))


# Dialling ---------------------------------------------------------------------------------


def connect(host: str, port: int) -> Tuple[str, Optional[socket.socket]]:
    """How a connection went, in one word, and the connection when it came about."""
    if not resolves(host, port):
        return "no name", None
    try:
        return "connected", socket.create_connection((host, port), timeout=DIAL_SECONDS)
    except OSError as error:
        kinds = [word for kind, word in OUTCOMES.items() if isinstance(error, kind)]
        return (kinds[0] if kinds else "no route"), None


def resolves(host: str, port: int) -> bool:
    """False too where the name server lets us wait: no time-out of a socket covers that."""
    found: List[object] = []

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port))
        except OSError:
            return  # an answer too

    in_background(ask).join(RESOLVE_SECONDS)
    return bool(found)


def dial(host: str, port: int, greeting: bytes = b"") -> Target:
    """Dial; with a ``greeting``, only who says that first has been reached."""
    began = time.time()
    outcome, connection = connect(host, port)
    if connection is not None:
        if greeting and heard(connection, len(greeting)) != greeting:
            outcome = "somebody else"
        connection.close()
    spent = round(1000 * (time.time() - began), 1)
    return {"host": host, "port": port, "outcome": outcome, "milliseconds": spent}


def heard(connection: socket.socket, size: int) -> bytes:
    """The first bytes that the other side says; fewer when it falls silent."""
    said = b""
    try:
        while len(said) < size:
            part = connection.recv(size - len(said))
            if not part:
                break
            said += part
    except OSError:
        return said
    return said


def proxy_variables() -> List[Tuple[str, urllib.parse.SplitResult]]:
    found = []
    for name in PROXIES:
        value = os.environ.get(name, "")
        try:
            parts = urllib.parse.urlsplit(value if "://" in value else "http://" + value)
            address_of(parts)
        except ValueError:  # no address, or its port is no number: nobody can use it
            continue
        if value and parts.hostname:
            found.append((name, parts))
    return found


def address_of(parts: urllib.parse.SplitResult) -> Tuple[str, int]:
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def proxies() -> List[Dict[str, str]]:
    """Names and addresses; user and password stay where they are."""
    return [{"name": name, "address": "%s:%d" % address_of(it)} for name, it in proxy_variables()]


def outbound_by_proxy(target: Target) -> Optional[Target]:
    """What the proxy of the environment says to CONNECT; None where there is no proxy."""
    wanted = [
        it
        for name, it in proxy_variables()
        if not name.lower().startswith("http_") and it.scheme in ("http", "https")  # no SOCKS
    ]
    if not wanted:
        return None
    parts = wanted[0]
    host, port = address_of(parts)
    outcome, connection = connect(host, port)
    status = 0
    if connection is not None and parts.scheme == "https":
        connection = encrypted(connection, host)  # a password is for the proxy alone to read
        outcome = "somebody else"
    if connection is not None:
        status = ask_proxy(connection, target, parts)
        connection.close()
        outcome = "connected" if 200 <= status < 300 else "turned away"
    return {"proxy": "%s:%d" % (host, port), "outcome": outcome, "status": status}


def encrypted(connection: socket.socket, host: str) -> Optional[socket.socket]:
    """The connection under TLS; None, and closed, where the other side does not prove its name."""
    try:
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    except (OSError, ValueError):  # ValueError: a name that no certificate can hold
        connection.close()
        return None


def ask_proxy(connection: socket.socket, target: Target, parts: urllib.parse.SplitResult) -> int:
    """The status of the answer; 0 when it is none."""
    where = "%s:%d" % (target["host"], target["port"])
    lines = ["CONNECT %s HTTP/1.1" % where, "Host: %s" % where]
    if parts.username is not None:
        user = urllib.parse.unquote(parts.username) + ":"
        secret = (user + urllib.parse.unquote(parts.password or "")).encode()
        lines.append("Proxy-Authorization: Basic " + base64.b64encode(secret).decode())
    try:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    except OSError:
        return 0
    answer = re.match(rb"HTTP/1\.[01] (\d{3})", heard(connection, 12))
    return int(answer.group(1)) if answer else 0


def logins(told: Target) -> List[Target]:
    """Where the login node may be: as we dial it, and as the batch system calls it."""
    found = list(told["login"])
    host = os.environ.get("SLURM_SUBMIT_HOST", "")
    ports = [each["port"] for each in found] or [22]
    if re.match(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}$", host):
        found += [{"host": host, "port": port} for port in dict.fromkeys([*ports, 22])]
    return found[:MAX_ENTRIES]


# The node ---------------------------------------------------------------------------------


def addresses() -> List[str]:
    """Of this node's interfaces, without loopback and link-local ones."""
    found = []
    routes = read("/proc/net/fib_trie").splitlines()
    for at, line in enumerate(routes[:-1]):
        match = re.match(r"[ |]+-- (\d+\.\d+\.\d+\.\d+)$", line)
        if match and "/32 host LOCAL" in routes[at + 1]:
            found.append(match.group(1))
    for line in read("/proc/net/if_inet6").splitlines():
        words = line.split()
        if len(words) > 3 and words[3] == "00":
            found.append(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(words[0])))
    unique = list(dict.fromkeys(found))
    return [it for it in unique if not it.startswith("127.") and it != "::1"][:MAX_ENTRIES]


def glibc() -> str:
    """Its version, "" where the C library is another one."""
    name, version = platform.libc_ver()
    if name == "glibc":
        return version
    try:
        library = ctypes.CDLL("libc.so.6")
        library.gnu_get_libc_version.restype = ctypes.c_char_p
        return str(library.gnu_get_libc_version().decode())
    except (OSError, AttributeError):
        return ""


def driver() -> str:
    """NVIDIA's driver, or AMD's with its name before it; "" where there is none."""
    text = read("/proc/driver/nvidia/version").split("\n")[0]
    match = re.search(r"\b(\d+\.\d+(?:\.\d+)?)\b", text)
    if match:
        return match.group(1)
    rows = [row for row in nvidia("driver_version") if re.match(r"[0-9.]+$", row)]
    if rows:
        return rows[0]
    amd = read("/sys/module/amdgpu/version").strip()
    return "amdgpu " + amd if amd else ""


def cuda() -> str:
    """The newest CUDA that the driver can run."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ""
    version = ctypes.c_int(0)
    if library.cuDriverGetVersion(ctypes.byref(version)) != 0 or version.value < 1000:
        return ""
    return "%d.%d" % (version.value // 1000, version.value % 1000 // 10)


def rocm() -> str:
    for path in ["/opt/rocm/.info/version", *sorted(glob.glob("/opt/rocm-*/.info/version"))]:
        match = re.match(r"\d+(\.\d+)*", read(path))
        if match:
            return match.group(0)
    return ""


def gpus() -> List[str]:
    return nvidia("name")[:MAX_ENTRIES]


def nvidia(field: str) -> List[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    text = output("nvidia-smi", "--query-gpu=" + field, "--format=csv,noheader,nounits")
    return [line.strip() for line in text.splitlines() if line.strip()]


def containers() -> List[Dict[str, str]]:
    found = []
    for name in TOOLS:
        if shutil.which(name) is not None:
            text = output(name, "version" if name == "enroot" else "--version")
            match = re.search(r"\d+(\.\d+)+", text)
            found.append({"name": name, "version": match.group(0) if match else ""})
    return found


def disks() -> List[Target]:
    """Folders that may be written on this node, with what lies under them and what is free."""
    wanted = [os.environ.get(name, "") for name in FOLDER_VARIABLES] + list(FOLDERS)
    kinds = file_systems()
    found = []
    for path in dict.fromkeys(os.path.realpath(path) for path in wanted if path):
        if not os.path.isdir(path) or not os.access(path, os.W_OK):
            continue
        space = os.statvfs(path)
        inside = [mount for mount in kinds if (path + "/").startswith(mount.rstrip("/") + "/")]
        kind = kinds[max(inside, key=len)] if inside else ""
        free = space.f_bavail * space.f_frsize
        found.append({"path": path, "kind": kind, "free_bytes": free})
    return found[:MAX_ENTRIES]


def file_systems() -> Dict[str, str]:
    """Kind of file system by where it is mounted."""
    found = {}
    for line in read("/proc/mounts").splitlines():
        words = line.split()
        if len(words) > 2:
            found[words[1]] = words[2]
    return found


def pythons(told: Target) -> Iterator[List[Dict[str, str]]]:
    """Interpreters and their versions, one more each time: some start slowly.

    The profile's own comes first, "" where it does not run.
    """
    names = ["python3"] + ["python3.%d" % minor for minor in range(14, 5, -1)]
    found, seen = [], set()
    for path in [told["python"]] + [shutil.which(name) or "" for name in names]:
        real = os.path.realpath(shutil.which(path) or path) if path else ""
        if not path or real in seen:
            continue
        seen.add(real)
        text = output(path, "-c", "import platform; print(platform.python_version())")
        match = re.match(r"\d+\.\d+\.\d+", text)
        if match or path == told["python"]:
            found.append({"path": path, "version": match.group(0) if match else ""})
            yield found[:MAX_ENTRIES]


def energy() -> List[str]:
    """Counters that a job may read."""
    rapl = glob.glob("/sys/class/powercap/intel-rapl:*/energy_uj")
    found = ["rapl"] if any(read(path).strip().isdigit() for path in rapl) else []
    if read("/sys/cray/pm_counters/energy"):
        found.append("cray")
    if any(re.match(r"[0-9.]+$", row) for row in nvidia("power.draw")):
        found.append("nvidia")
    if shutil.which("scontrol") is not None:
        match = re.search(r"AcctGatherEnergyType\s*=\s*(\S+)", output("scontrol", "show", "config"))
        if match and not match.group(1).endswith(("none", "(null)")):
            found.append("slurm")
    return found


def read(path: str) -> str:
    """A file of the kernel, or "" where it is not there or not for us."""
    try:
        with open(path, errors="replace") as file:
            return file.read(2**18)
    except OSError:
        return ""


def output(*words: str) -> str:
    """What a command prints; "" when it does not run or takes too long."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout[: 2**18].decode(errors="replace")


# The other side ---------------------------------------------------------------------------


class Door:
    """Where the broker's carriers come in: ``TOKEN echo`` or ``TOKEN dial PORT``."""

    def __init__(self, told: Target, folder: str) -> None:
        self._told = told
        self._folder = folder
        self.endpoints: List[Target] = []

    def open(self) -> None:
        if self._told["listen"] == "unix":
            path = os.path.join(self._folder, "g0.sock")
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            self.endpoints = [{"path": path}]
        else:
            host, _, wanted = os.environ.get("JC_GATEWAY", "0.0.0.0:0").rpartition(":")
            listener = socket.socket()
            listener.bind((host, int(wanted)))
            port = listener.getsockname()[1]
            hosts = [node_name(), *addresses()] if host == "0.0.0.0" else [host]
            numbers = [host for host in hosts if ":" not in host]
            self.endpoints = [{"host": host, "port": port} for host in numbers][:MAX_ENTRIES]
        listener.listen(8)
        in_background(lambda: self._serve(listener))

    def announce(self) -> None:
        """As a worker's gateway does. A pod's folder is read-only: there the printed line does."""
        message = {"protocol": 1, "rank": 0, "node": node_name(), "endpoints": self.endpoints}
        path = os.path.join(self._folder, "agent-0.json")
        try:
            with open(path + ".part", "w") as file:
                json.dump(message, file)
            os.rename(path + ".part", path)
        except OSError:
            return

    def _serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            in_background(functools.partial(self._welcome, connection))

    def _welcome(self, guest: socket.socket) -> None:
        guest.settimeout(30)
        try:
            stream = guest.makefile("rb")
            words = stream.readline(256).split()
            if words and hmac.compare_digest(words[0], self._told["token"].encode()):
                self._obey(words[1:], guest, stream)
        except OSError:
            return
        finally:
            guest.close()

    def _obey(self, words: List[bytes], guest: socket.socket, stream: Any) -> None:
        # Any: what makefile gives has no name that every Python knows.
        if words == [b"echo"]:
            while True:
                data = stream.read1(65536)
                if not data:
                    return
                guest.sendall(data)
        elif len(words) == 2 and words[0] == b"dial" and words[1].isdigit():
            guest.sendall(json.dumps(self._dial_back(int(words[1]))).encode() + b"\n")

    def _dial_back(self, port: int) -> Target:
        """Whether a port that our side asked the login node for can be dialled from here."""
        greeting = self._told["nonce"].encode()
        hosts = dict.fromkeys(each["host"] for each in logins(self._told))
        found = [dial(host, port, greeting) for host in hosts]
        # A name of it that leads nowhere from here says nothing: a refusal is an answer.
        return min(found, key=lambda each: ANSWERS.index(each["outcome"]))


def node_name() -> str:
    names = (os.environ.get("JC_NODE"), os.environ.get("SLURMD_NODENAME"), platform.node())
    return next(name for name in names if name)


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def measure(told: Target) -> None:
    """Each field as soon as it is known; one that hangs is given up and stays unknown."""
    outbound = told["outbound"]
    steps: Dict[str, Callable[[], object]] = {
        "architecture": platform.machine,
        "addresses": addresses,
        "proxies": proxies,
        "login": lambda: [dial(it["host"], it["port"], b"SSH-") for it in logins(told)],
        "outbound": lambda: dial(outbound["host"], outbound["port"]),
        "outbound_by_proxy": lambda: outbound_by_proxy(outbound),
        "glibc": glibc,
        "driver": driver,
        "cuda": cuda,
        "rocm": rocm,
        "gpus": gpus,
        "containers": containers,
        "disks": disks,
        "pythons": lambda: pythons(told),
        "energy": energy,
    }
    threads = [
        in_background(functools.partial(report, told["nonce"], field, step))
        for field, step in steps.items()
    ]
    end = time.time() + STEP_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.time()))


def report(nonce: str, field: str, step: Callable[[], object]) -> None:
    """Each value that a step gives: the last word on a field counts."""
    try:
        value = step()
        for each in value if isinstance(value, Iterator) else (value,):
            if each is not None:
                say(nonce, field, each)
    except Exception as error:  # whatever a node may hold: this field alone stays unknown
        say(nonce, "fault", "%s: %s" % (field, type(error).__name__))


def main() -> None:
    os.umask(0o077)
    folder = os.path.abspath(sys.argv[1])
    path = os.path.join(folder, "join-0.json")
    with open(path) as file:
        told = json.load(file)
    if os.access(folder, os.W_OK):  # a secret that is mounted goes with its pod
        os.unlink(path)
    signal.alarm(told["seconds"])
    door = Door(told, folder)
    door.open()
    say(told["nonce"], "node", node_name())
    say(told["nonce"], "endpoints", door.endpoints)
    door.announce()
    measure(told)
    say(told["nonce"], "measured", True)
    # The door stays open until the job is cancelled, or the alarm goes off.
    signal.pause()


if __name__ == "__main__":
    main()
