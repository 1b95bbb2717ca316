"""The client over TLS: whose certificates it takes, and that bodies end there as elsewhere."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp.connector
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backends.errors import Unavailable
from backends.http.client import Client
from tests.backends.http.answering import answering, head_of, reply
from tests.backends.making import body


def contexts(folder: Path, address: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server whose certificate is for ``address``, and of a client that trusts it."""
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
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
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
    return server, ssl.create_default_context(cadata=public.decode())


async def test_bodies_are_whole_or_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, trusting = contexts(tmp_path, "127.0.0.1")
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
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
    ("address", "trusted"),
    [("127.0.0.1", False), ("127.0.0.2", True)],
    ids=["nobody's", "another's"],
)
async def test_a_certificate_that_is_not_the_storages_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, trusted: bool
) -> None:
    server, trusting = contexts(tmp_path, address)
    if trusted:
        monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    asked = []

    async def handle(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))

    async with answering(handle, server) as origin:
        client = Client(origin, allow_private=True)
        await client.open()
        with pytest.raises(Unavailable, match="certificate is not to be trusted"):
            await client.send("GET", "/k", {"authorization": "secret"})
        await client.aclose()
    assert not any(asked)
