"""The client over TLS: whose certificates it takes, and that bodies end there as elsewhere."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backends.errors import Unavailable
from backends.http.client import Client
from tests.backends.http.answering import answering, head_of, reply
from tests.backends.making import body


def served_with(folder: Path, address: str, *, days: int = 1) -> tuple[ssl.SSLContext, Path]:
    """A server's context whose certificate is for ``address`` and ends in so many days, and the file
    with the authority that a client is to trust for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a storage")])
    now = dt.datetime.now(dt.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=9))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    pair = folder / "pair.pem"
    pair.write_bytes(
        public
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair)
    server.set_alpn_protocols(["h2", "http/1.1"])
    authority = folder / "authority.pem"
    authority.write_bytes(public)
    return server, authority


async def test_bodies_are_whole_or_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, authority = served_with(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    large = bytes(range(256)) * 4096
    arrived = []
    begun = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        arrived.append(await reader.readexactly(len(large)))
        writer.write(reply(200, b"ok"))
        await head_of(reader)
        begun.set()
        arrived.append(await reader.read(-1))

    async def stalling() -> AsyncIterator[bytes]:
        yield large[:-9]
        yield large[-9:]
        await asyncio.Event().wait()

    async with answering(handle, server) as origin:
        client = Client(origin, allow_private=True)
        await client.open()
        pieces = body(large[:300_000], large[300_000:])
        answer = await client.send("PUT", "/k", {}, body=pieces, size=len(large))
        assert await answer.document(9) == b"ok"
        sending = asyncio.create_task(
            client.send("PUT", "/k", {}, body=stalling(), size=len(large))
        )
        await begun.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await client.aclose()
    assert arrived[0] == large
    assert len(arrived) == 1 or len(arrived[1]) < len(large)


@pytest.mark.parametrize(
    ("address", "days", "trusted", "told"),
    [
        ("127.0.0.1", 1, False, r"\(self-signed certificate\): .*SSL_CERT_FILE$"),
        ("127.0.0.2", 1, True, r"\(IP address mismatch, .*127\.0\.0\.1'\)$"),
        ("127.0.0.1", -1, True, r"\(certificate has expired\)$"),
    ],
    ids=["nobody's", "another's", "expired"],
)
async def test_a_certificate_that_is_not_the_storages_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    address: str,
    days: int,
    trusted: bool,
    told: str,
) -> None:
    server, authority = served_with(tmp_path, address, days=days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    asked = []

    async def handle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))

    async with answering(handle, server) as origin:
        client = Client(origin, allow_private=True)
        await client.open()
        with pytest.raises(Unavailable, match=f"certificate is not to be trusted {told}"):
            await client.send("GET", "/k", {"authorization": "secret"})
        await client.aclose()
    assert not any(asked)


async def test_http_1_is_what_is_spoken_and_a_large_answer_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, authority = served_with(tmp_path, "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    large = bytes(range(256)) * 40_000
    spoken = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spoken.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        for _ in range(2):
            await head_of(reader)
            writer.write(reply(200, large))
            await writer.drain()

    async with answering(handle, server) as origin:
        client = Client(origin, allow_private=True)
        await client.open()
        for _ in range(2):
            answer = await client.send("GET", "/k", {})
            got = b"".join([piece async for piece in answer.pieces(len(large))])
            assert got == large
            await answer.aclose()
        await client.aclose()
    assert spoken == ["http/1.1"]  # one connection
