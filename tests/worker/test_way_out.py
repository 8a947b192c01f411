"""Which proxy a node goes out by, and what is said when it does not get out."""

from __future__ import annotations

import errno
import ssl

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidMessage, InvalidProxyMessage, InvalidProxyStatus
from websockets.http11 import Response

from jupyter_continuum.errors import RelayError
from jupyter_continuum.worker.way_out import WayOut, sentence, way_out

URL = "wss://vm.example.org:8443/link/abc123/far.12345678"
SECRET = "s3cret-word"
PROXY = f"http://grant:{SECRET}@proxy.site:3128"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, ""),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"all_proxy": "http://other:1", "https_proxy": PROXY}, PROXY),
        ({"https_proxy": "proxy.site:3128"}, "http://proxy.site:3128"),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, PROXY),
        ({"http_proxy": PROXY}, ""),
        ({"https_proxy": PROXY, "no_proxy": "example.org"}, ""),
        ({"https_proxy": PROXY, "NO_PROXY": "10.0.0.1,.example.org"}, ""),
        ({"https_proxy": PROXY, "NO_PROXY": "vm.example.org:8443"}, ""),
        ({"https_proxy": PROXY, "NO_PROXY": "*"}, ""),
        ({"https_proxy": PROXY, "NO_PROXY": "localhost"}, PROXY),
    ],
)
def test_the_environment_says_which(environment: dict[str, str], proxy: str) -> None:
    assert way_out(URL, environment).proxy == proxy


@pytest.mark.parametrize(
    "proxy",
    ["socks5://proxy.site:1080", f"http://grant:{SECRET}@", f"http://{SECRET}@proxy.site:3128",
     f"http://proxy.site:99999/{SECRET}", "ftp://proxy.site"],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_without_showing_it(proxy: str) -> None:
    with pytest.raises(RelayError, match="https_proxy on this node is not") as told:
        way_out(URL, {"https_proxy": proxy})
    assert SECRET not in str(told.value)


def refused(status: int) -> InvalidProxyStatus:
    return InvalidProxyStatus(Response(status, "", Headers()))


def unknown_certificate() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "proxy", "said"),
    [
        (refused(407), "http://proxy.site:3128", "proxy.site:3128 wants a user name and password"),
        (refused(407), PROXY, "takes neither the user name nor the password"),
        (refused(403), PROXY, "does not let this node through to vm.example.org:8443"),
        (InvalidProxyMessage("x"), PROXY, "no answer that a proxy gives"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), PROXY,
         "through the proxy at proxy.site:3128 (Connection refused)"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "",
         "names no proxy"),
        (TimeoutError(), "", "timed out"),
        (unknown_certificate(), "", "does not have the certificate"),
        (InvalidMessage("x"), "", "hung up"),
    ],
)  # fmt: skip
def test_each_failure_is_a_sentence_of_its_own(error: Exception, proxy: str, said: str) -> None:
    text = sentence(error, WayOut(URL, proxy))
    assert said in text
    assert SECRET not in text
    assert text.isprintable()
    assert len(text) < 400


def test_a_password_is_in_no_repr() -> None:
    assert SECRET not in repr(way_out(URL, {"https_proxy": PROXY}))
