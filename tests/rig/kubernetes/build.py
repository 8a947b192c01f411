"""Kubernetes' programs from Debian's source package: the last one that holds all of them, 1.20.2.

One static program for all (``labkube``), with a DNS server and a device plugin of the rig beside
the upstream ones. Two changes to upstream: built-in kinds tell their singular name, as servers do
since 1.27 and kr8s asks for, and ``reflect2`` is Debian's, as the vendored one breaks Go 1.19.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.rig.daemons import RigError
from tests.rig.kubernetes.debian import alone, apt, cache, download
from tests.rig.kubernetes.programs import NAMES, ONE_FOR_ALL, built
from tests.rig.network import command

GO = "1.19"
PACKAGES = (f"golang-{GO}-go", f"golang-{GO}-src", "golang-github-modern-go-reflect2-dev")
RELEASE = "1.20.2"
COMMIT = "faecb196815e248d3ecfb03c680a4507229c2a56"
INSTALLER = "staging/src/k8s.io/apiserver/pkg/endpoints/installer.go"
KIND_LINE = re.compile(r"^\t\tapiResource\.Kind = resourceKind\n", re.M)
SINGULAR = """\
\t\tif !isSubresource {
\t\t\tapiResource.SingularName = strings.ToLower(resourceKind)
\t\t}
"""
OPENAPI = "pkg/generated/openapi"
MISSING = f"{OPENAPI}/zz_generated.openapi.go"
"""The one generated file that the source package lacks."""


def build() -> Path:
    """Folder with all programs; what was downloaded and compiled so far is kept on failure."""
    with alone("build"):
        if not (built() / ONE_FOR_ALL).exists():
            source, go = _source(), _go()
            _step("the OpenAPI definitions", lambda: _generate(source, go))
            _step("Kubernetes, which takes 10 to 20 minutes", lambda: _compile(source, go))
            shutil.rmtree(_work(), ignore_errors=True)
    return built()


def _work() -> Path:
    path = cache() / "build"
    path.mkdir(exist_ok=True)
    return path


def _step(what: str, work: Callable[[], None]) -> None:
    began = time.monotonic()
    print(f"Building {what} ...", file=sys.stderr, flush=True)
    work()
    print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _source() -> Path:
    """Upstream's tree where Go looks for it, with our changes."""
    tree = _work() / "gopath/src/k8s.io/kubernetes"
    if not tree.exists():
        apt("source", "--download-only", "kubernetes", folder=_work())
        (archive,) = _work().glob(f"kubernetes_*really{RELEASE}.orig.tar.gz")
        unpacked = _work() / f"kubernetes-{RELEASE}"
        shutil.rmtree(unpacked, ignore_errors=True)
        command("tar", "--extract", "--gzip", "--file", archive, "--directory", _work())
        _tell_singular_names(unpacked / INSTALLER)
        shutil.copytree(Path(__file__).with_name(ONE_FOR_ALL), unpacked / "cmd" / ONE_FOR_ALL)
        _take_reflect2(unpacked / "vendor/github.com/modern-go/reflect2")
        tree.parent.mkdir(parents=True, exist_ok=True)
        unpacked.rename(tree)
    return tree


def _tell_singular_names(installer: Path) -> None:
    text, times = KIND_LINE.subn(lambda line: line[0] + SINGULAR, installer.read_text())
    if times != 2:
        raise RigError(f"{installer} is not the source of Kubernetes {RELEASE}")
    installer.write_text(text)


def _go() -> Path:
    root = _work() / "go"
    if not root.exists():
        for package in download(*PACKAGES[:2]):
            command("dpkg", "-x", package, root)
    return root / "usr/lib" / f"go-{GO}"


def _take_reflect2(target: Path) -> None:
    root = _work() / "reflect2"
    for package in download(PACKAGES[2]):
        command("dpkg", "-x", package, root)
    for old in target.glob("*.[gs]*"):
        old.unlink()
    for new in (root / "usr/share/gocode/src/github.com/modern-go/reflect2").glob("*.[gs]*"):
        if new.is_file():
            shutil.copy(new, target)


def _generate(source: Path, go: Path) -> None:
    if (source / MISSING).exists():
        return
    generator = _work() / "openapi-gen"
    _run(source, go, "go", "build", "-o", generator, "./vendor/k8s.io/kube-openapi/cmd/openapi-gen")
    packages = ",".join(f"k8s.io/kubernetes/{one}" for one in sorted(set(_described(source))))
    header = "vendor/k8s.io/code-generator/hack/boilerplate.go.txt"
    _run(
        *(source, go, generator, "--logtostderr", "-i", packages),
        *("-p", f"k8s.io/kubernetes/{OPENAPI}", "-O", "zz_generated.openapi"),
        *("-h", header, "-r", _work() / "violations.txt"),
    )


def _described(source: Path) -> Iterator[str]:
    """Packages that ask for definitions, as the compiler names them."""
    staged = source / "staging/src"
    for base, prefix, parts in (
        (source, "", ("pkg", "cmd", "plugin")),
        (staged, "vendor/", ("k8s.io",)),
    ):
        for part in parts:
            for path in (base / part).rglob("*.go"):
                folder = path.relative_to(base).parent
                unused = {"testdata", "code-generator", "sample-apiserver"} & set(folder.parts)
                if not unused and b"+k8s:openapi-gen=" in path.read_bytes():
                    yield f"{prefix}{folder}"


def _compile(source: Path, go: Path) -> None:
    told = {
        "gitVersion": f"v{RELEASE}",
        "gitMajor": "1",
        "gitMinor": "20",
        "gitTreeState": "archive",
        "gitCommit": COMMIT,
        "buildDate": "2021-01-13T13:20:00Z",
    }
    flags = ["-s", "-w"]
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        for path in (package, f"k8s.io/kubernetes/vendor/{package}"):
            flags += [f"-X {path}.{name}={value}" for name, value in told.items()]
    partial = built().with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    options = ["-trimpath", "-ldflags", " ".join(flags), "-o", f"{partial}/"]
    _run(source, go, "go", "build", *options, f"./cmd/{ONE_FOR_ALL}")
    for name in NAMES:
        (partial / name).symlink_to(ONE_FOR_ALL)
    partial.rename(built())


def _run(source: Path, go: Path, *words: str | Path) -> None:
    """With Go's state below the cache, and nothing fetched by it."""
    environment = {
        **os.environ,
        "GOROOT": str(go),
        "GOPATH": str(_work() / "gopath"),
        "GOCACHE": str(_work() / "gocache"),
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
        "LC_ALL": "C",
        "PATH": f"{go}/bin:{os.environ.get('PATH', '')}",
    }
    argv = ["nice", *(str(word) for word in words)]
    done = subprocess.run(
        argv, cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise RigError(f"{words[0]} in {source}: {reason}")
