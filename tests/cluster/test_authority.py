"""Certificates: what an authority signs, and what it does not."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from jupyter_continuum.cluster.authority import make_authority
from jupyter_continuum.cluster.security import make_identity, security
from jupyter_continuum.errors import RelayError

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


def leaf(name: str, authority, *, life=HOUR, now=None):
    now = now or datetime.now(UTC)  # not that of the collection: a run may take an hour
    identity = make_identity("what the request says")
    signed = authority.sign(identity.request, name=name, life=life, now=now).decode()
    return security(key=identity.key, certificate=signed, authority=authority.certificate.decode())


async def greet(server, client) -> bytes:
    """What a client hears through mutual TLS; raises what the handshake raises."""

    async def serve(_, writer) -> None:
        writer.write(b"hello")
        writer.close()

    context = server.get_listen_args("scheduler")["ssl_context"]
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client.get_connection_args("worker")["ssl_context"]
        )
        try:
            return await reader.read()
        finally:
            writer.close()
    finally:
        listening.close()


async def test_leaves_of_one_authority_trust_each_other():
    authority = make_authority("c")
    assert await greet(leaf("a", authority), leaf("b", authority)) == b"hello"


async def test_leaf_of_another_cluster_is_a_stranger():
    authority, other = make_authority("c"), make_authority("c")
    with pytest.raises(ssl.SSLError):
        await greet(leaf("a", authority), leaf("b", other))


async def test_leaf_expires():
    authority = make_authority("c", now=NOW - 3 * HOUR)
    old = leaf("b", authority, now=NOW - 2 * HOUR)
    with pytest.raises(ssl.SSLError, match="expired"):
        await greet(old, leaf("a", authority))


def test_the_broker_decides_the_name():
    authority = make_authority("c")
    signed = authority.sign(make_identity("admin").request, name="w-1", life=HOUR, now=NOW)
    subject = x509.load_pem_x509_certificate(signed).subject
    assert [each.value for each in subject] == ["w-1"]


def test_leaf_cannot_sign():
    authority = make_authority("c")
    signed = authority.sign(make_identity("x").request, name="w", life=HOUR, now=NOW)
    constraints = x509.load_pem_x509_certificate(signed).extensions.get_extension_for_class(
        x509.BasicConstraints
    )
    assert constraints.critical
    assert constraints.value.ca is False


@pytest.mark.parametrize("request_", ["", "hello", "-----BEGIN CERTIFICATE REQUEST-----\nAA\n"])
def test_what_is_no_request_is_refused(request_):
    with pytest.raises(RelayError, match="not a certificate request"):
        make_authority("c").sign(request_, name="w", life=HOUR, now=NOW)


def test_request_for_somebody_elses_key_is_refused():
    request = make_identity("x").request
    der = bytearray(x509.load_pem_x509_csr(request.encode()).public_bytes(_DER))
    der[-1] ^= 1  # the proof that the sender holds the key
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(RelayError):
        make_authority("c").sign(broken, name="w", life=HOUR, now=NOW)


def test_only_keys_of_our_kind_are_signed():
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(RelayError, match="not its own"):
        make_authority("c").sign(pem, name="w", life=HOUR, now=NOW)


@pytest.mark.parametrize("name", ["", "a\nb", "a/CN=b", "-x", "x" * 65])
def test_strange_names_are_not_certified(name):
    with pytest.raises(RelayError, match="cannot stand in a certificate"):
        make_authority("c").sign(make_identity("x").request, name=name, life=HOUR, now=NOW)


def test_key_is_not_in_the_repr():
    assert "PRIVATE" not in repr(make_identity("x"))


_DER = serialization.Encoding.DER
