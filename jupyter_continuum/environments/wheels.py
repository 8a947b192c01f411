"""Wheels made of what is installed here."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.tags import Tag, parse_tag
from packaging.utils import (
    InvalidWheelFilename,
    parse_wheel_filename,
)

import jupyter_continuum
from jupyter_continuum.environments.lock import OURS, Pin
from jupyter_continuum.environments.target import Target
from jupyter_continuum.errors import ContinuumError

INSTALLERS = ("pip", "uv")
"""Who leaves a package's files as they were in its wheel; conda, for one, does not."""
UNUSED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest moment a zip can hold: the same files make the same wheel."""
NOT_FOR_WORKERS = ("labextension", "notebooks", "__pycache__")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel on this machine."""

    path: Path
    name: str
    version: str
    sha256: str
    bytes: int

    @classmethod
    def at(cls, path: Path) -> Wheel:
        """ContinuumError when the file's name is not that of a wheel."""
        try:
            name, version, *_ = parse_wheel_filename(path.name)
        except InvalidWheelFilename as error:
            raise ContinuumError(f"{path.name} is not the name of a wheel ({error}).") from error
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path, str(name), str(version), digest, path.stat().st_size)

    @property
    def pin(self) -> Pin:
        return Pin(self.name, self.version, self.sha256)


def own_wheel(folder: Path) -> Wheel:
    """This package as it is imported here, without what only a JupyterLab uses."""
    source = Path(jupyter_continuum.__file__).parent
    found = distribution(OURS)
    stem = f"{OURS.replace('-', '_')}-{found.version}"
    files = [
        (f"{source.name}/{path.relative_to(source)}", path.read_bytes())
        for path in sorted(source.rglob("*"))
        if path.is_file() and not set(path.relative_to(source).parts) & set(NOT_FOR_WORKERS)
    ]
    about = {name: found.read_text(name) for name in ("METADATA", "entry_points.txt")}
    about["WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files += [(f"{stem}.dist-info/{name}", text.encode()) for name, text in about.items() if text]
    return _write(folder / f"{stem}-py3-none-any.whl", f"{stem}.dist-info", files)


def repack(name: str, target: Target, folder: Path) -> Wheel | None:
    """The installed package as the wheel it came from; None when that would not do at ``target``.

    That is: it was built on this machine or by another installer, it is installed from a
    checkout, or its wheel was made for another processor or C library.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    installer = (found.read_text("INSTALLER") or "").strip()
    about = found.read_text("WHEEL")
    if about is None or installer not in INSTALLERS or found.read_text("direct_url.json"):
        return None
    tags = _tags(about)
    if not any(target.runs(tag) for tag in tags):
        return None
    info = Path(str(found.locate_file(""))) / _info(found)
    stem = info.name.removesuffix(".dist-info")
    return _write(folder / f"{stem}-{_compressed(tags)}.whl", info.name, list(_files(found, stem)))


def _files(found: Distribution, stem: str) -> Iterator[tuple[str, bytes]]:
    scripts = Path(sysconfig.get_path("scripts")).resolve()
    prefix = Path(sys.prefix).resolve()
    made = {each.name for each in found.entry_points}
    for file in found.files or ():
        path = Path(str(found.locate_file(file)))
        if file.suffix == ".pyc" or not path.is_file():
            continue
        if ".." not in file.parts:
            if not (file.parts[0].endswith(".dist-info") and file.name in UNUSED):
                yield file.as_posix(), path.read_bytes()
            continue
        real = path.resolve()
        if real.parent == scripts:
            if real.name not in made:
                yield f"{stem}.data/scripts/{real.name}", path.read_bytes()
        elif real.is_relative_to(prefix):
            yield f"{stem}.data/data/{real.relative_to(prefix).as_posix()}", path.read_bytes()


def _info(found: Distribution) -> str:
    return next(file.parts[0] for file in found.files or () if file.parts[0].endswith(".dist-info"))


def _tags(about: str) -> list[Tag]:
    lines = [line.partition(":") for line in about.splitlines()]
    return [tag for key, _, value in lines if key == "Tag" for tag in parse_tag(value.strip())]


def _compressed(tags: list[Tag]) -> str:
    """``cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64``"""
    parts = ("interpreter", "abi", "platform")
    return "-".join(".".join(sorted({getattr(tag, part) for tag in tags})) for part in parts)


def _write(path: Path, info: str, files: list[tuple[str, bytes]]) -> Wheel:
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in files:
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{_quoted(name)},sha256={digest},{len(data)}\n")
            _add(archive, name, data)
        record.append(f"{info}/RECORD,,\n")
        _add(archive, f"{info}/RECORD", "".join(record).encode())
    return Wheel.at(path)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def _quoted(name: str) -> str:
    return f'"{name}"' if "," in name else name


def pip_wheel(folder: Path) -> Wheel:
    """pip itself, for a site that has none."""
    made = repack("pip", Target.here(), folder)
    if made is not None:
        return made
    bundled = bundled_pip()
    copy = folder / bundled.name
    copy.write_bytes(bundled.read_bytes())
    return Wheel.at(copy)


def bundled_pip() -> Path:
    """The wheel that comes with Python, or Debian's in its place."""
    spec = importlib.util.find_spec("ensurepip")
    places = [Path("/usr/share/python-wheels")]
    if spec is not None and spec.origin:
        places.insert(0, Path(spec.origin).parent / "_bundled")
    for place in places:
        for path in sorted(place.glob("pip-*-py3-none-any.whl")):
            return path
    raise ContinuumError(
        f"pip is not installed here, and no wheel of it is. `{sys.executable} -m ensurepip`, or "
        "`uv pip install pip`, brings it."
    )
