"""The certificate: newest usable pair for new connections, whatever happens to the files."""

import datetime as dt
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.server.failure import StartError
from gateway.server.tls import Certificate
from tests.server.running import running, until


def write_pair(folder: Path, name: str) -> tuple[str, str]:
    """A self-signed certificate for ``name`` as cert.pem and key.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def name_shown(certificate: Certificate, *, server_name: str | None) -> str:
    """The common name a client is shown in a handshake with the context."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with certificate.context.wrap_socket(ours, server_side=True) as connection:
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    with client_context().wrap_socket(theirs, server_hostname=server_name) as connection:
        name = common_name(connection)
        connection.send(b"x")
    thread.join()
    return name


def common_name(connection: ssl.SSLSocket) -> str:
    shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    subject = x509.load_der_x509_certificate(shown).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@pytest.mark.parametrize("server_name", [None, "s3.test"])
def test_a_new_pair_is_shown_to_new_connections(tmp_path: Path, server_name: str | None) -> None:
    certificate = Certificate(*write_pair(tmp_path, "old"))
    assert name_shown(certificate, server_name=server_name) == "old"
    assert not certificate.reload_if_changed()
    write_pair(tmp_path, "new")
    assert certificate.reload_if_changed()
    assert name_shown(certificate, server_name=server_name) == "new"
    assert not certificate.reload_if_changed()


def test_a_broken_pair_is_not_used_and_a_good_one_later_is(tmp_path: Path) -> None:
    certificate = Certificate(*write_pair(tmp_path, "old"))
    (tmp_path / "cert.pem").write_text("broken")
    assert not certificate.reload_if_changed()
    assert name_shown(certificate, server_name=None) == "old"
    (tmp_path / "key.pem").unlink()
    assert not certificate.reload_if_changed()
    assert name_shown(certificate, server_name=None) == "old"
    write_pair(tmp_path, "new")
    assert certificate.reload_if_changed()
    assert name_shown(certificate, server_name=None) == "new"


def test_half_a_pair_is_not_used(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, "old")
    certificate = Certificate(cert, key)
    old_key = Path(key).read_bytes()
    write_pair(tmp_path, "new")
    new_key = Path(key).read_bytes()
    Path(key).write_bytes(old_key)
    assert not certificate.reload()
    assert name_shown(certificate, server_name=None) == "old"
    Path(key).write_bytes(new_key)
    assert certificate.reload()
    assert name_shown(certificate, server_name=None) == "new"


def test_a_start_with_an_unusable_pair_is_refused_with_the_cause(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, "one")
    with pytest.raises(StartError, match=r"/gone cannot be read: No such file.*PEM") as caught:
        Certificate(cert, "/gone")
    assert caught.value.exit == 2
    other = tmp_path / "other"
    other.mkdir()
    _, other_key = write_pair(other, "two")
    with pytest.raises(StartError, match="is not that of the certificate"):
        Certificate(cert, other_key)
    Path(key).write_text("nonsense")
    with pytest.raises(StartError, match="no usable pair"):
        Certificate(cert, key)


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    context = Certificate(*write_pair(tmp_path, "one")).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_running_server_takes_over_a_new_pair_on_sighup(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, "old")
    with running(tmp_path / "data", tls_cert=cert, tls_key=key) as server:
        assert server.endpoint.startswith("https://")
        host, port = server.endpoint.removeprefix("https://").split(":")

        def shown() -> str:
            with (
                socket.create_connection((host, int(port)), timeout=10) as plain,
                client_context().wrap_socket(plain) as connection,
            ):
                return common_name(connection)

        assert shown() == "old"
        write_pair(tmp_path, "new")
        server.process.send_signal(1)
        until(lambda: shown() == "new")
        assert server.stop() == 0


def test_a_client_that_never_shakes_hands_is_closed(tmp_path: Path) -> None:
    cert, key = write_pair(tmp_path, "one")
    with running(tmp_path / "data", tls_cert=cert, tls_key=key, header_seconds=0.3) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as silent:
            assert silent.recv(1) == b""
        assert server.stop() == 0
