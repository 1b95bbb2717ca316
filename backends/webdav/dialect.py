"""What a server was seen to do: decided once, when a storage is opened, and never guessed again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

SPECIAL = " !\"#$%&'()*+,:;<=>?@[\\]^`{|}"
"""Characters, legal in a name, that some server or another mistakes in a URL."""

BLANK = ".. "
"""Nothing but white space around no name, or around the name of a folder that each folder has."""

HTACCESS = ".htaccess"
"""What Apache reads settings of the folder from, unless ``AllowOverride None``. Where it can make
nothing of them it answers 500 to all that is asked of that folder."""

ODD = ("0", ".dav", HTACCESS, "con", BLANK)
"""Names that some server or another cannot hold, in lower case: PHP takes the first for nothing, the
second is where mod_dav_fs keeps properties, the third is Apache's, then comes Windows' own, and
Nextcloud looks at what is left of the last without its white space."""

LENGTHS = (255, 250, 143)
"""How many bytes a name has at most: in most file systems, in Nextcloud's table, and where names are
encrypted (eCryptfs)."""


class Kind(Enum):
    """Who a server says it is. It names a server to people, and decides where asking would be
    no proof."""

    NEXTCLOUD = "Nextcloud"
    OWNCLOUD = "ownCloud"
    APACHE = "Apache mod_dav"
    NGINX = "nginx with dav-ext"
    LIGHTTPD = "lighttpd mod_webdav"
    SABRE = "sabre/dav"
    WSGIDAV = "WsgiDAV"
    RCLONE = "rclone serve webdav"
    GENERIC = "a WebDAV server"


class Destination(Enum):
    """How a server wants the target of MOVE and COPY to be named."""

    URL = "a URL"
    PATH = "a path"
    OTHER_SCHEME = "a URL with the scheme behind the proxy"


class Validator(Enum):
    """What tells one state of a file from another."""

    STRONG = "a strong ETag"
    WEAK = "a weak ETag"
    MODIFIED = "the time of modification"


class Chunks(Enum):
    """What can be uploaded in chunks, as Nextcloud takes them."""

    NONE = "nothing"
    ALL = "large files"
    """Every chunk that was sent becomes part of the file."""
    CHOSEN = "large files and parts"
    """A chunk can be dropped or replaced by itself, and is told from the one it replaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one server can and cannot do. ``str`` tells it to people."""

    kind: Kind
    base: str
    """The path of the endpoint, decoded, in its hrefs; ends with ``/``. A proxy may have changed it."""
    destination: Destination
    creates: bool
    """MOVE with ``Overwrite: F`` replaces nothing and answers 412."""
    copies: bool
    validator: Validator
    renames: bool
    """MOVE is a rename, so that a file is in the same state after it. Else it is a copy, seen half made."""
    at_once: bool
    """The validator of bytes that replace others in the same second is another."""
    properties: bool
    """Properties are kept, and go along with a MOVE."""
    ranges: bool
    if_match: bool
    """A reading can be made to depend on an ETag."""
    spares_folders: bool
    """DELETE with ``Depth: 0`` never deletes a folder."""
    hides_dots: bool
    """Names that begin with a dot are not listed."""
    folds: bool
    """Names that differ in case, or in the form of a letter, are one."""
    cannot: frozenset[str] = frozenset()
    """Characters of SPECIAL that names cannot hold."""
    lost: frozenset[str] = frozenset()
    """Whole names, of ODD, that are not kept."""
    strips: bool = False
    """White space or a dot at either end of a name is lost."""
    longest: int = LENGTHS[0]
    """Bytes of a name, of LENGTHS."""
    chunks: Chunks = Chunks.NONE
    chunk_times: bool = False
    """A chunk has the time that it is sent with."""
    heads: bool = False
    """The answer to HEAD tells the state of a file as PROPFIND does, and none of a folder."""
    yields: bool = False
    """MOVE with ``Overwrite: F`` leaves a folder as it is whose name the file is to have."""

    def holds(self, segment: str) -> bool:
        """Whether a name, legal otherwise, is kept and listed as it is."""
        if self.hides_dots and segment.startswith("."):
            return False
        if segment.lower() in self.lost or len(segment.encode()) > self.longest:
            return False
        if BLANK in self.lost and segment.strip() in {"", ".", ".."}:
            return False
        if self.strips and segment != segment.strip(" ."):
            return False
        return not (self.cannot and any(character in self.cannot for character in segment))

    def __str__(self) -> str:
        return "\n".join([self.kind.value, *self._lines()])

    def _lines(self) -> list[str]:
        cannot = " ".join(sorted(self.cannot)).replace("  ", "space ")
        lines = {
            "moves at one moment": self.renames,
            "creates without replacing": self.creates,
            "copies by itself": self.copies,
            "keeps properties": self.properties,
            "tells each state of a file apart": self.properties,
            "tells states of one second apart": self.properties or self.at_once,
            "answers ranges": self.ranges,
            "holds a reading to an ETag": self.if_match,
            "tells a file's state by HEAD": self.heads,
            "cannot delete a folder by mistake": self.spares_folders,
            "cannot create a file in place of a folder": self.yields,
            "lists names that begin with a dot": not self.hides_dots,
            "tells upper from lower case": not self.folds,
        }
        said = [f"  {'yes' if does else 'no '} {what}" for what, does in lines.items()]
        said.append(f"  a file's state is {self.validator.value}")
        said.append(f"  targets are named by {self.destination.value}")
        if self.chunks is not Chunks.NONE:
            said.append(f"  takes {self.chunks.value} in chunks")
        if self.lost:
            said.append(f"  names cannot be {' '.join(map(repr, sorted(self.lost)))}")
        if cannot:
            said.append(f"  names cannot hold {cannot}")
        if self.longest < LENGTHS[0]:
            said.append(f"  names have {self.longest} bytes at most")
        return said


_SAID = (
    (re.compile("nginx"), Kind.NGINX),
    (re.compile("lighttpd"), Kind.LIGHTTPD),
    (re.compile("wsgidav"), Kind.WSGIDAV),
    (re.compile("rclone"), Kind.RCLONE),
    (re.compile("apache"), Kind.APACHE),
)


def kind_of(headers: Mapping[str, str]) -> Kind:
    """Who a server says it is, by the headers of an answer to OPTIONS."""
    features = headers.get("DAV", "").lower()
    if "nextcloud" in features or "nc-" in features:
        return Kind.NEXTCLOUD
    if "oc-resource-sharing" in features:
        return Kind.OWNCLOUD
    if "X-Sabre-Version" in headers or "sabredav" in features:
        return Kind.SABRE
    server = headers.get("Server", "").lower()
    for pattern, kind in _SAID:
        if pattern.search(server):
            return kind
    return Kind.GENERIC
