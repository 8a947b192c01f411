"""Reads OpenSSH's client configuration as far as a login needs it (ssh_config(5)).

``Match`` blocks are skipped, since whether they hold is known only at the moment of a login.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

MOST_NESTED = 16
"""Includes within includes, as OpenSSH has it."""
_SETTING = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*\S)\s*$")

Patterns = tuple[str, ...]
Include = Callable[[str], Sequence[str]]
"""From the argument of an Include to the texts of the files it names."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line that counts for every host that all of ``within`` match."""

    within: tuple[Patterns, ...]
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class SshConfig:
    """What a configuration says; the first value that matches a host counts."""

    settings: tuple[Setting, ...] = ()

    @property
    def aliases(self) -> list[str]:
        """Hosts named in full, in order, each once."""
        names = (
            name
            for setting in self.settings
            if setting.key == "host"
            for name in shlex.split(setting.value)
        )
        return list(dict.fromkeys(name for name in names if not re.search(r"[*?!]", name)))

    def value(self, alias: str, key: str) -> str | None:
        """The first value of ``key`` (lower case) that counts for ``alias``."""
        for setting in self.settings:
            if setting.key == key and all(matches(alias, some) for some in setting.within):
                return setting.value
        return None

    def login(self, alias: str, *, home: Path, user: str) -> dict[str, Any]:
        """Fields of an SshLogin for ``alias``; ``user`` when the configuration names none."""
        return self._login(alias, home=home, user=user, left=8)

    def _login(self, alias: str, *, home: Path, user: str, left: int) -> dict[str, Any]:
        host = (self.value(alias, "hostname") or alias).replace("%h", alias)
        name = self.value(alias, "user") or user
        login: dict[str, Any] = {"host": host, "user": name}
        port = self.value(alias, "port")
        if port and port.isdecimal():
            login["port"] = int(port)
        for field, key in (("key", "identityfile"), ("certificate", "certificatefile")):
            path = self.value(alias, key)
            if path and path.lower() != "none":
                login[field] = _expand(path, host=host, user=name, local_user=user, home=home)
        if (self.value(alias, "identityagent") or "").lower() == "none":
            login["use_agent"] = False
        jump = self.value(alias, "proxyjump")
        if jump and jump.lower() != "none" and left:
            login["jump"] = [
                self._hop(text, home=home, user=user, left=left - 1) for text in jump.split(",")
            ]
        return login

    def _hop(self, text: str, *, home: Path, user: str, left: int) -> dict[str, Any]:
        """``[user@]host[:port]``, where host may be an alias of this configuration."""
        named, _, rest = text.strip().removeprefix("ssh://").rpartition("@")
        host, _, port = rest.partition(":")
        login = self._login(host, home=home, user=user, left=left)
        login.pop("jump", None)
        if named:
            login["user"] = named
        if port.isdecimal():
            login["port"] = int(port)
        return login


def read_ssh_config(path: Path) -> SshConfig:
    """The file at ``path`` and what it includes; empty when it is not there."""
    folder = path.parent

    def include(pattern: str) -> list[str]:
        full = Path(pattern).expanduser()
        base, relative = (Path("/"), str(full)[1:]) if full.is_absolute() else (folder, pattern)
        return [_text(file) for file in sorted(base.glob(relative)) if file.is_file()]

    return parse_ssh_config(_text(path) if path.is_file() else "", include)


def parse_ssh_config(text: str, include: Include = lambda _: ()) -> SshConfig:
    """Pure: the settings of ``text``."""
    return SshConfig(tuple(_settings(text, include, (), MOST_NESTED)))


def _settings(
    text: str, include: Include, outer: tuple[Patterns, ...], left: int
) -> Iterator[Setting]:
    within: tuple[Patterns, ...] | None = outer
    for line in text.splitlines():
        found = _SETTING.match(line.partition("#")[0] if line.lstrip().startswith("#") else line)
        if found is None:
            continue
        key, value = found[1].lower(), found[2]
        if key == "host":
            within = (*outer, tuple(_words(value)))
            yield Setting(outer, "host", value)
        elif key == "match":
            within = outer if value.lower() == "all" else None
        elif within is None:
            continue
        elif key == "include":
            for pattern in _words(value) if left else ():
                for inner in include(pattern):
                    yield from _settings(inner, include, within, left - 1)
        else:
            yield Setting(within, key, " ".join(_words(value)))


def matches(alias: str, patterns: Patterns) -> bool:
    """A negated pattern that matches rules the host out, whatever else matches."""
    if any(fnmatchcase(alias, text[1:]) for text in patterns if text.startswith("!")):
        return False
    return any(fnmatchcase(alias, text) for text in patterns if not text.startswith("!"))


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()  # an open quote: OpenSSH refuses the line, the others still count


def _expand(path: str, *, host: str, user: str, local_user: str, home: Path) -> str:
    tokens = {"%%": "%", "%d": str(home), "%h": host, "%r": user, "%u": local_user}
    full = re.sub(r"%[%dhru]", lambda found: tokens[found[0]], path)
    return str(home) + full[1:] if full.startswith("~/") else full


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
