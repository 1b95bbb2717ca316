"""A signing S3 client that hides nothing: raw targets, raw headers, raw answers."""

import hashlib
import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from sigv4.canonical import Signable
from sigv4.sign import Credentials, presign, sign

ACCESS_KEY = "AKIDEXAMPLEKEY000001"
SECRET_KEY = "secretsecretsecretsecretsecretsecret0001"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, headers by lower-case name, whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def code(self) -> str | None:
        """The S3 error code, or None."""
        return self.text("Code") if self.body.startswith(b"<?xml") else None

    def xml(self) -> ET.Element:
        """The document, namespaces removed."""
        root = ET.fromstring(self.body)
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root

    def text(self, path: str) -> str | None:
        """Text of the first element at ``path``."""
        found = self.xml().find(path)
        return None if found is None else found.text or ""

    def texts(self, path: str) -> list[str]:
        """Texts of all elements at ``path``."""
        return [element.text or "" for element in self.xml().findall(path)]


def quoted(key: str) -> str:
    """A key as a path, every byte but the unreserved ones and ``/`` escaped."""
    return quote(key.encode(), safe="/~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Talks to one server; each request opens its own connection unless one is given."""

    port: int
    access_key: str = ACCESS_KEY
    secret: str = SECRET_KEY
    public_host: str | None = None
    """What is signed as the host, if it is another than where the server listens."""

    @property
    def host(self) -> str:
        return self.public_host or f"127.0.0.1:{self.port}"

    def headers(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        payload_hash: str,
        now: datetime | None = None,
        region: str = REGION,
    ) -> dict[str, str]:
        """All headers of a signed request."""
        whole = {"host": self.host, **(headers or {})}
        signable = Signable(method=method, path=path, query=query, headers=whole)
        credentials = Credentials(access_key=self.access_key, secret=self.secret)
        signed = sign(
            signable,
            credentials,
            region=region,
            now=now or datetime.now(UTC),
            payload_hash=payload_hash,
        )
        return {**whole, **signed}

    def request(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        payload_hash: str | None = None,
        signed: bool = True,
        region: str = REGION,
    ) -> Answer:
        """Send one request and read the whole answer."""
        whole: Mapping[str, str] = {"host": self.host, **(headers or {})}
        if signed:
            whole = self.headers(
                method,
                path,
                query,
                headers=headers,
                payload_hash=payload_hash or hashlib.sha256(body).hexdigest(),
                region=region,
            )
        return self.send(method, path + ("?" + query if query else ""), whole, body)

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send exactly this; Content-Length is added if there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value.encode("utf-8", "surrogateescape"))
            if "content-length" not in headers and (body or method in {"PUT", "POST"}):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(
                status=response.status,
                headers={name.lower(): value for name, value in response.getheaders()},
                body=response.read(),
            )
        finally:
            connection.close()

    def presigned(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        expires: int = 60,
        now: datetime | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """The target (path and query) of a presigned URL."""
        signable = Signable(
            method=method, path=path, query=query, headers={"host": self.host, **(headers or {})}
        )
        credentials = Credentials(access_key=self.access_key, secret=self.secret)
        whole = presign(
            signable, credentials, region=REGION, now=now or datetime.now(UTC), expires=expires
        )
        return f"{path}?{whole}"

    # The operations that tests need again and again.

    def make_bucket(self, bucket: str) -> str:
        answer = self.request("PUT", f"/{bucket}")
        assert answer.status == 200, answer
        return bucket

    def put(self, bucket: str, key: str, body: bytes, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("PUT", f"/{bucket}/{quoted(key)}", headers=named, body=body)

    def get(self, bucket: str, key: str, query: str = "", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("GET", f"/{bucket}/{quoted(key)}", query, headers=named)

    def delete(self, bucket: str, key: str) -> Answer:
        return self.request("DELETE", f"/{bucket}/{quoted(key)}")

    def keys(self, bucket: str, query: str = "list-type=2") -> list[str]:
        """All keys of one page of a listing."""
        answer = self.request("GET", f"/{bucket}", query)
        assert answer.status == 200, answer
        return answer.texts("Contents/Key")

    # Multipart uploads.

    def start_upload(self, bucket: str, key: str, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.request("POST", f"/{bucket}/{quoted(key)}", "uploads", headers=named)
        assert answer.status == 200, answer.body
        return answer.text("UploadId") or ""

    def put_part(
        self, bucket: str, key: str, upload: str, number: int, body: bytes, **headers: str
    ) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        query = f"partNumber={number}&uploadId={upload}"
        path = f"/{bucket}/{quoted(key)}"
        return self.request("PUT", path, query, headers=named, body=body)

    def complete(
        self,
        bucket: str,
        key: str,
        upload: str,
        parts: Sequence[tuple[int, str]],
        *,
        more: Mapping[int, str] | None = None,
        **headers: str,
    ) -> Answer:
        """``parts``: numbers and ETags; ``more``: further elements of a part, by its number."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag>"
            f"{(more or {}).get(number, '')}</Part>"
            for number, etag in parts
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        path = f"/{bucket}/{quoted(key)}"
        return self.request("POST", path, f"uploadId={upload}", headers=named, body=body)

    def upload(self, bucket: str, key: str, parts: Sequence[bytes], **headers: str) -> Answer:
        """A whole multipart upload; the answer to its completion."""
        id = self.start_upload(bucket, key, **headers)
        etags = [
            (number, self.put_part(bucket, key, id, number, part).headers["etag"])
            for number, part in enumerate(parts, start=1)
        ]
        return self.complete(bucket, key, id, etags)
