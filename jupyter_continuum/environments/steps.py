"""The shell text of each step at a site, and what its answer means. Pure.

Every path was checked against a grammar before it gets here: no blank, quote or shell sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jupyter_continuum.sites.text import FILE, clean

MARK = "jc-step-71c2"
NAME = "environment.tar"
NODE_LOCAL = "python-node-local"
OURS = re.compile(r"[0-9a-f]{12}-[0-9a-f]{8}(-[0-9a-f]{4})?")
"""What an environment of ours is called. Other folders beside them are somebody else's."""
OURS_GLOB = "-".join(("[0-9a-f]" * 12, "[0-9a-f]" * 8)) + "*"
"""As a shell finds them, and perhaps more."""
ABANDONED_MINUTES = 24 * 60
"""What was begun and has not changed since is no build of another machine under way."""
USED_BYTES = 700 * 2**20
"""What a worker environment, its archive and its wheels take at most without a GPU's packages."""

_LOOK = r"""
import json, os, platform, sys
try:
    from importlib.util import find_spec
    venv = find_spec("venv") is not None
except ImportError:
    venv = False
print("\n%s python %s" % (MARK, json.dumps({
    "python": "%d.%d.%d" % sys.version_info[:3],
    "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "machine": platform.machine(),
    "libc": " ".join(platform.libc_ver()),
    "cpython": platform.python_implementation() == "CPython",
    "venv": venv,
})))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python at a site, as it tells of itself."""

    python: str
    path: str
    machine: str
    libc: str
    cpython: bool
    venv: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """What is at a site where an environment is to be built."""

    directory: str
    """Absolute, links resolved."""
    home: str
    free_bytes: int | None
    uv: str
    """Path of uv, or ""."""
    interpreters: tuple[Interpreter, ...]

    @property
    def is_under_home(self) -> bool:
        return bool(self.home) and f"{self.directory}/".startswith(f"{self.home}/")


def look(directory: str, pythons: Iterable[str], prologue: str) -> str:
    """Make the directory, and see which interpreters there are."""
    tries = "\n".join(
        f"{python} - <<'{MARK}' 2>/dev/null\nMARK = {MARK!r}\n{_LOOK}{MARK}" for python in pythons
    )
    return f"""{_within(prologue)}
say() {{ printf '\\n{MARK} %s %s\\n' "$1" "$2"; }}
cd "$HOME" 2>/dev/null || cd /
say home "$(pwd -P)"
umask 022
mkdir -p {directory} || exit 1
cd {directory} || exit 1
say directory "$(pwd -P)"
say free "$(df -Pk . | awk 'NR == 2 {{ print $4 }}')"
say uv "$(command -v uv || ls "$HOME/.local/bin/uv" 2>/dev/null)"
{tries}
say end 0
"""


def read_ground(text: str) -> Ground | None:
    """None when the answer broke off, or names a directory that cannot be written in a script."""
    import json

    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(f"{MARK} "):
            _, kind, *rest = line.split(" ", 2)
            found.setdefault(kind, []).append(rest[0].strip() if rest else "")
    directory = found.get("directory", [""])[-1]
    if "end" not in found or not FILE.fullmatch(directory):
        return None
    interpreters = []
    for told in found.get("python", ()):
        try:
            each = Interpreter(**json.loads(told))
        except (ValueError, TypeError, RecursionError):
            continue
        if FILE.fullmatch(str(each.path)) and all(
            isinstance(value, str) for value in (each.python, each.machine, each.libc)
        ):
            interpreters.append(each)
    free = found.get("free", [""])[-1]
    uv = found.get("uv", [""])[-1]
    return Ground(
        directory=directory,
        home=found.get("home", [""])[0],
        free_bytes=int(free) * 1024 if free.isdecimal() and len(free) < 18 else None,
        uv=uv if FILE.fullmatch(uv) else "",
        interpreters=tuple(interpreters),
    )


def bring_python(ground: Ground, version: str) -> str:
    """Have the site's uv install a Python beside the environments; prints its path."""
    uv = f"UV_PYTHON_INSTALL_DIR={ground.directory}/pythons UV_HTTP_TIMEOUT=10 {ground.uv} python"
    return f"""{uv} install --quiet --no-bin {version} >&2 && {uv} find --managed-python {version}
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Paths of one environment at a site."""

    root: str
    """Where all environments of this person lie."""
    name: str

    @property
    def final(self) -> str:
        return f"{self.root}/{self.name}"

    @property
    def building(self) -> str:
        return f"{self.root}/.building-{self.name}"

    @property
    def wheels(self) -> str:
        return f"{self.root}/.wheels-{self.name}"


def begin(places: Places, base: str, prologue: str) -> str:
    """Say whether it is there; otherwise begin anew, and tell which wheels have come already."""
    return f"""{_within(prologue)}
if [ -x {places.final}/bin/python ]; then echo '{MARK} there 1'; exit 0; fi
umask 022
rm -rf {places.building} && mkdir -p {places.wheels} || exit 1
{base} -m venv --without-pip {places.building} || exit 1
cd {places.wheels} || exit 1
for file in *; do
  [ -f "$file" ] && printf '\\n{MARK} file %s %s\\n' "$(wc -c < "$file")" "$file"
done
echo '{MARK} begun 1'
"""


def read_begun(text: str) -> dict[str, int] | None:
    """Sizes of wheels that lie there; None when the environment is there already."""
    lines = [line.split(" ") for line in text.splitlines() if line.startswith(f"{MARK} ")]
    if any(line[1] == "there" for line in lines):
        return None
    return {
        line[-1]: int(line[-2])
        for line in lines
        if line[1] == "file" and len(line) >= 4 and line[-2].isdecimal()
    }


def from_index(places: Places, *, uv: str, pip: str, wheel: str) -> str:
    """Install the lock from the index that the login node reaches; fails soon where it has none."""
    lock, python = f"{places.wheels}/lock.txt", f"{places.building}/bin/python"
    if uv:
        install = f"UV_HTTP_TIMEOUT=10 {uv} pip install --quiet --no-deps --python {python}"
    else:
        install = (
            # An account's own settings may send everything to ~/.local.
            f"PIP_USER=0 {python} {places.wheels}/{pip}/pip --disable-pip-version-check --no-input "
            "install --quiet --no-compile --no-deps --only-binary=:all: --timeout 5 --retries 0"
        )
    return f"""cd {places.wheels} || exit 1
{install} -r {lock} && {install} ./{wheel}
"""


def from_wheels(places: Places, *, pip: str) -> str:
    """Install what was carried, and nothing else."""
    return f"""cd {places.wheels} || exit 1
sha256sum --quiet -c sums.txt >&2 || {{ rm -f ./*.whl ./*.part; exit 65; }}
{places.building}/bin/python {pip}/pip --isolated --disable-pip-version-check --no-input install \
  --quiet --no-compile --no-index --no-deps --no-cache-dir --find-links . -r install.txt
"""


def finish(places: Places, *, node_local: str) -> str:
    """Compile, pack, and put it in its place; whoever was faster wins."""
    building = places.building
    pack = ""
    if node_local:
        pack = f"""
tar -cf {building}/{NAME}.part -C {building} --exclude ./{NAME}.part . \
|| {{ status=$?; rm -f {building}/{NAME}.part; exit $status; }}
mv {building}/{NAME}.part {building}/{NAME} || exit 1
cat > {building}/bin/{NODE_LOCAL} <<'{MARK}'
{wrapper(places, node_local)}{MARK}
chmod 755 {building}/bin/{NODE_LOCAL} || exit 1
"""
    return f"""
{building}/bin/python -m compileall -qf -j 0 --invalidation-mode unchecked-hash \\
  -s {building} -p {places.final} {building}/lib || exit 1
for file in {building}/bin/*; do
  [ -L "$file" ] || [ ! -f "$file" ] || sed -i '1s|^#!{building}/|#!{places.final}/|' "$file"
done
cp {places.wheels}/lock.txt {building}/lock.txt || exit 1
{pack}
mv -T {building} {places.final} 2>/dev/null || [ -x {places.final}/bin/python ] || exit 1
rm -rf {building} {places.wheels}
"""


def clear(places: Places) -> str:
    """Leave nothing of an environment that was not finished."""
    return f"rm -rf {places.building} {places.wheels}"


def wrapper(places: Places, node_local: str) -> str:
    """An interpreter that, inside a job, runs from node-local disk.

    Agents of a node share one copy, unpacked by whoever comes first. Each holds a shared lock
    on it for as long as it lives (descriptor 9); the last one to go removes it.
    """
    return f"""#!/bin/sh
shared={places.final}/bin/python
[ -n "$SLURM_JOB_ID" ] || exec "$shared" "$@"
disk="{node_local}"
base="${{disk:-/tmp}}/jc-environment-$(id -u)"
copy="$base/{places.name}"
umask 077
hold() {{
  mkdir "$base"
  [ -O "$base" ] && [ ! -L "$base" ] && : >> "$copy.lock" && command exec 9< "$copy.lock" &&
    flock -s 9 && [ /proc/$$/fd/9 -ef "$copy.lock" ]
}}
unpack() (
  command exec 8>> "$copy.unpack" && flock 8 || exit 1
  [ ! -x "$copy/bin/python" ] || exit 0
  rm -rf "$copy.part" "$copy.gone" && mkdir "$copy.part" &&
    tar -xf {places.final}/{NAME} -C "$copy.part" &&
    mv -T "$copy.part" "$copy" || {{ rm -rf "$copy.part"; exit 1; }}
)
if command -v flock >/dev/null 2>&1 && {{ hold || hold || hold; }} 2>/dev/null; then
  if unpack; then
    JC_NODE_COPY="$copy" exec "$copy/bin/python" "$@"
  fi
  exec 9<&-
fi
echo "No copy of the environment could be made in ${{disk:-/tmp}}; the shared one is used." >&2
exec "$shared" "$@"
"""


def listing(root: str, jobs: str) -> str:
    """Environments that lie there, and whether a job's script names them."""
    return f"""cd "$HOME" 2>/dev/null || cd /
jobs=$(cd {jobs} 2>/dev/null && pwd -P)
cd {root} || exit 1
for name in {OURS_GLOB}; do
  [ -d "$name" ] && [ ! -L "$name" ] || continue
  used=$(grep -lsF {root}/"$name"/ "$jobs"/*/job.sh 2>/dev/null | head -1)
  printf '\\n{MARK} kept %s %s\\n' "$name" "${{used:+used}}"
done
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An environment of an earlier lock."""

    name: str
    used: bool


def read_listing(text: str) -> list[Kept]:
    lines = [line.split(" ") for line in text.splitlines() if line.startswith(f"{MARK} kept ")]
    return [
        Kept(line[2], line[3:4] == ["used"])
        for line in lines
        if len(line) >= 3 and OURS.fullmatch(line[2])
    ]


def size(root: str, name: str) -> str:
    return f"du -sk {root}/{name}"


def read_size(text: str) -> int | None:
    """Bytes; None where it was not measured."""
    found = re.match(r"(\d{1,17})\s", text)
    return int(found[1]) * 1024 if found else None


def prune(root: str, names: Sequence[str]) -> str:
    """Remove these, and what broken lines have left long ago."""
    begun = " -o ".join(f"-name '.{kind}-{OURS_GLOB}'" for kind in ("building", "wheels"))
    paths = " ".join(f"{root}/{name}" for name in names if OURS.fullmatch(name))
    return f"""rm -rf {paths} || exit 1
find {root}/. -maxdepth 1 -type d \\( {begun} \\) -mmin +{ABANDONED_MINUTES} -exec rm -rf {{}} +
"""


def _within(prologue: str) -> str:
    return f"{{ :\n{prologue.strip()}\n}} </dev/null >&2" if prologue.strip() else ""


def own_words(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return clean(errors[-1], 300) if errors else "it gave no reason"
