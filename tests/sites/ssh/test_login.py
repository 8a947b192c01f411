"""What is said of a login node that gives no connection."""

from __future__ import annotations

import errno
import socket

import asyncssh
import pytest

from jupyter_continuum.sites.ssh.login import unreached


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "is nowhere: no host has that name. Check it.",
        ),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            "cannot be reached (Temporary failure in name resolution). Try again later.",
        ),
        (
            OSError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 22)"),
            "cannot be reached (Connection refused). Try again later.",
        ),
        (
            OSError("Multiple exceptions"),
            "cannot be reached (Multiple exceptions). Try again later.",
        ),
        (TimeoutError(), "cannot be reached (no answer within 20 s). Try again later."),
        (
            asyncssh.ConnectionLost("Connection lost"),
            "cannot be reached (Connection lost). Try again later.",
        ),
    ],
)
def test_it_is_a_sentence_without_numbers(error: Exception, said: str) -> None:
    assert unreached(error) == said
