"""What ``WWW-Authenticate`` asks for, and the answers to it (RFC 7617, RFC 7616)."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"\s*,?\s*({_WORD})(?=\s|,|$)\s*(?!=)")
_PARAMETER = re.compile(rf'\s*,?\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))')
_ESCAPE = re.compile(r"\\(.)")
_LONGEST = 4096
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One scheme that a server takes. ``scheme`` and the names of ``parameters`` are lower-case."""

    scheme: str
    parameters: Mapping[str, str]


def challenges(values: Iterable[str]) -> list[Challenge]:
    """The challenges of one or several headers; what cannot be read is left out."""
    found: list[Challenge] = []
    for value in values:
        text = value[:_LONGEST]
        at = 0
        while scheme := _SCHEME.match(text, at):
            at = scheme.end()
            parameters = {}
            while parameter := _PARAMETER.match(text, at):
                at = parameter.end()
                name, quoted, plain = parameter.groups()
                parameters[name.lower()] = _ESCAPE.sub(r"\1", quoted) if plain is None else plain
            found.append(Challenge(scheme=scheme[1].lower(), parameters=parameters))
    return found


def basic(username: str, password: str) -> str:
    """The header of a name and a password."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


@dataclass(slots=True, kw_only=True)
class Digest:
    """Answers to one nonce, as many as the server takes."""

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    qop: bool
    username: str
    password: str = field(repr=False)
    count: int = 0

    def header(self, method: str, uri: str) -> str:
        """The header for one request; ``uri`` as its request line has it."""
        self.count += 1
        count, client = f"{self.count:08x}", secrets.token_hex(16)
        secret = self._hash(f"{self.username}:{self.realm}:{self.password}")
        if self.algorithm.upper().endswith("-SESS"):
            secret = self._hash(f"{secret}:{self.nonce}:{client}")
        asked = self._hash(f"{method}:{uri}")
        middle = f"{self.nonce}:{count}:{client}:auth" if self.qop else self.nonce
        fields = [
            f'username="{_escaped(self.username)}"',
            f'realm="{_escaped(self.realm)}"',
            f'nonce="{_escaped(self.nonce)}"',
            f'uri="{uri}"',
            f"algorithm={self.algorithm}",
            f'response="{self._hash(f"{secret}:{middle}:{asked}")}"',
        ]
        if self.qop:
            fields += ["qop=auth", f"nc={count}", f'cnonce="{client}"']
        if self.opaque is not None:
            fields.append(f'opaque="{_escaped(self.opaque)}"')
        return f"Digest {', '.join(fields)}"

    def _hash(self, text: str) -> str:
        name = self.algorithm.upper().removesuffix("-SESS")
        # What a server says need not be UTF-8: it is given back as it came.
        return _HASHES[name](text.encode("utf-8", "surrogateescape")).hexdigest()


def digest(offered: Iterable[Challenge], username: str, password: str) -> Digest | None:
    """The strongest Digest that a server offers and we know; None if there is none."""
    known = [(one, _algorithm(one)) for one in offered if one.scheme == "digest"]
    usable = [(one, name) for one, name in known if name is not None and _has_auth(one)]
    for one, name in sorted(usable, key=lambda pair: "256" not in pair[1]):
        return Digest(
            realm=one.parameters.get("realm", ""),
            nonce=one.parameters.get("nonce", ""),
            algorithm=name,
            opaque=one.parameters.get("opaque"),
            qop="qop" in one.parameters,
            username=username,
            password=password,
        )
    return None


def _algorithm(challenge: Challenge) -> str | None:
    name = challenge.parameters.get("algorithm", "MD5")
    return name if name.upper().removesuffix("-SESS") in _HASHES else None


def _has_auth(challenge: Challenge) -> bool:
    qop = challenge.parameters.get("qop")
    return qop is None or "auth" in {one.strip().lower() for one in qop.split(",")}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
