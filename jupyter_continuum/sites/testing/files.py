"""What every Transport that shows and reads files keeps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jupyter_continuum.errors import SiteError

SIZE = 3_000_001


class FilesTests:
    """Beside ShellTests, whose ``transport`` makes what there is to see."""

    @pytest.fixture
    async def folder(self, transport: Any) -> AsyncIterator[str]:
        """At the site: files, links and a pipe."""
        made = (await transport.run("mktemp -d /tmp/jct-files-XXXXXX")).stdout.strip()
        await transport.run(
            f"cd {made} && head -c {SIZE} /dev/zero | tr '\\0' x > big && mkdir sub && "
            "echo in > sub/in && ln -s sub/in near && ln -s /etc/passwd out && mkfifo pipe && "
            """printf hid > "$(printf 'a\\033[2Jb')" && : > empty"""
        )
        yield made
        await transport.run(f"rm -r {made}")

    async def test_a_folder_is_listed_with_kinds_and_sizes(
        self, transport: Any, folder: str
    ) -> None:
        found = {each.name: each for each in await transport.list_files(folder)}
        kinds = {name: each.kind for name, each in found.items()}
        assert kinds == {
            "big": "file",
            "sub": "folder",
            "near": "link",
            "out": "link",
            "pipe": "other",
            "a\x1b[2Jb": "file",
            "empty": "file",
        }
        assert (found["big"].size, found["empty"].size, found["sub"].size) == (SIZE, 0, None)
        assert found["big"].modified is not None
        assert isinstance(await transport.list_files(""), list)

    async def test_a_file_is_read_from_anywhere_in_it(self, transport: Any, folder: str) -> None:
        async with transport.open_file(f"{folder}/big") as file:
            assert file.size == SIZE
            whole = b"".join([await file.read(at, 2**20) for at in range(0, SIZE, 2**20)])
            assert whole == b"x" * SIZE
            assert await file.read(SIZE - 5, 100) == b"x" * 5
            assert await file.read(SIZE, 100) == b""
        async with transport.open_file(f"{folder}/near") as file:
            assert await file.read(0, 100) == b"in\n"

    async def test_a_version_tells_what_was_changed(self, transport: Any, folder: str) -> None:
        async with transport.open_file(f"{folder}/big") as file:
            before = file.version
        await transport.run(f"echo more >> {folder}/big")
        async with transport.open_file(f"{folder}/big") as file:
            assert file.version != before

    @pytest.mark.parametrize(
        ("name", "said"),
        [("nothing", "cannot be read"), ("sub", "no file"), ("pipe", "no file"), ("out", "link")],
    )
    async def test_what_is_no_file_is_refused(
        self, transport: Any, folder: str, name: str, said: str
    ) -> None:
        with pytest.raises(SiteError, match=said):
            async with asyncio.timeout(30), transport.open_file(f"{folder}/{name}"):
                pass
        with pytest.raises(SiteError, match="cannot be read"):
            await transport.list_files(os.path.join(folder, "nowhere"))

    async def test_commands_go_on_while_files_are_open(self, transport: Any, folder: str) -> None:
        async with transport.open_file(f"{folder}/big") as one:
            async with transport.open_file(f"{folder}/near") as other:
                reads = [one.read(0, SIZE), other.read(0, 9), transport.list_files(folder)]
                *_, ran = await asyncio.gather(*reads, transport.run("echo on"))
            assert ran.stdout == "on\n"
            assert len(await one.read(0, 10)) == 10
