"""The certificate: loaded, and loaded again when its files change."""

import asyncio
import ssl
from pathlib import Path

import structlog

from gateway.server.failure import Exit, StartError

_log = structlog.get_logger("s3front.tls")
_POLL_S = 5.0

Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A context for the listener that always answers with the newest usable pair.

    New pairs are loaded into a new context, which each handshake takes over when the client's hello
    arrives: connections that exist keep theirs, and a broken pair is never half in use.
    """

    def __init__(self, cert: str, key: str) -> None:
        """Raises StartError if the pair cannot be used."""
        self._cert = cert
        self._key = key
        self._stamp = self._look()
        try:
            self._newest = _context(cert, key)
        except (OSError, ValueError) as error:
            raise StartError(
                f"tls_cert, tls_key: {_cause(error, cert, key)}. Give a certificate chain and its "
                "private key, both in PEM, the key without a passphrase.",
                exit=Exit.BAD_CONFIGURATION,
            ) from None
        self.context = _context(cert, key)
        self.context.sni_callback = self._take_newest

    def reload(self, cert: str | None = None, key: str | None = None) -> bool:
        """Load the pair again, from these paths if given. A broken one is logged, the old one kept.

        Returns whether a new one is in use.
        """
        cert, key = cert or self._cert, key or self._key
        self._cert, self._key = cert, key
        self._stamp = self._look()
        try:
            self._newest = _context(cert, key)
        except (OSError, ValueError) as error:
            _log.error(
                "the new certificate cannot be used, the old one is kept",
                cause=_cause(error, cert, key),
            )
            return False
        _log.info("certificate reloaded", cert=cert)
        return True

    def reload_if_changed(self) -> bool:
        """As ``reload``, if the files are not those that were last looked at."""
        return self._look() != self._stamp and self.reload()

    async def watch(self) -> None:
        """Look at the files every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(_POLL_S)
            self.reload_if_changed()

    def _take_newest(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._newest

    def _look(self) -> Stamp:
        stamp = []
        for path in (self._cert, self._key):
            try:
                status = Path(path).stat()
            except OSError:
                stamp.append((0, 0, 0))
            else:
                stamp.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(stamp)


def _context(cert: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # An empty passphrase instead of a question on the terminal.
    context.load_cert_chain(cert, key, password="")
    return context


def _cause(error: Exception, cert: str, key: str) -> str:
    for path in (cert, key):
        try:
            with Path(path).open("rb"):
                pass
        except OSError as unreadable:
            return f"{path} cannot be read: {unreadable.strerror}"
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} is not that of the certificate in {cert}"
    return f"{cert} and {key} are no usable pair"
