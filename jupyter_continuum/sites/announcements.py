"""What an agent announces about its gateway, ``agent-<rank>.json``, read as from a stranger."""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any

from jupyter_continuum.sites.protocols import Agent, Endpoint

FILE = re.compile(r"agent-(\d{1,5})\.json")
MAX_BYTES = 16 * 1024
MAX_ENDPOINTS = 16
MAX_TROUBLE = 400
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def file_name(rank: int) -> str:
    """What the agent of ``rank`` calls its announcement."""
    return f"agent-{rank}.json"


def parse_agent(text: str | bytes, *, job: str, folder: str) -> Agent:
    """The agent announced in ``text``; ValueError says what is wrong with it.

    ``folder`` is the job's folder at the site: a Unix socket must lie in it.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"the announcement has {len(text)} bytes, at most {MAX_BYTES} are read")
    message = json.loads(text)
    if not isinstance(message, dict) or message.get("protocol") != 1:
        raise ValueError("the announcement is not of protocol 1")
    rank, node, endpoints = message.get("rank"), message.get("node"), message.get("endpoints")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 0 <= rank < 100_000:
        raise ValueError(f"rank {rank!r} is not a number from 0 on")
    if not isinstance(node, str) or not _NODE.fullmatch(node):
        raise ValueError("the node's name is not a host name")
    if not isinstance(endpoints, list) or not 1 <= len(endpoints) <= MAX_ENDPOINTS:
        raise ValueError("there is no list of endpoints")
    trouble = message.get("trouble", "")
    if not isinstance(trouble, str) or len(trouble) > MAX_TROUBLE or not trouble.isprintable():
        raise ValueError("what it says is wrong is not one line of text")
    return Agent(job, rank, node, tuple(_endpoint(each, folder) for each in endpoints), trouble)


def _endpoint(each: Any, folder: str) -> Endpoint:  # Any: whatever JSON held
    if not isinstance(each, dict):
        raise ValueError("an endpoint is not an object")
    if "path" in each:
        path = each["path"]
        if not isinstance(path, str) or not _inside(path, folder):
            raise ValueError("an endpoint's socket lies outside its job's folder")
        return Endpoint(path=path)
    host, port = each.get("host"), each.get("port")
    if not isinstance(host, str) or not (_HOST.fullmatch(host) or _IPV6.fullmatch(host)):
        raise ValueError("an endpoint's host is not a host name")
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
        raise ValueError(f"port {port!r} is not one of 1..65535")
    return Endpoint(host=host, port=port)


def _inside(path: str, folder: str) -> bool:
    return (
        "\0" not in path
        and posixpath.normpath(path) == path
        and posixpath.dirname(path) == posixpath.normpath(folder)
    )
