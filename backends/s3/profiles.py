"""What is known of each S3 service, as data.

``docs/storages.md`` says how each fact is known. What is not known to hold is not relied on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MIB = 1024**2
_GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One service. Its defaults are what any S3 does."""

    hosts: re.Pattern[str] | None = None
    """Endpoints of the service; its group ``region``, if it has one, is the region."""
    region: str = "us-east-1"
    """For a region that is ``auto``, if the endpoint does not tell."""
    path_style: bool = True
    """Bucket in the path, not in the host."""
    either_style: bool = True
    """Whether the settings may say otherwise."""
    creates: bool = False
    """Honours ``If-None-Match: *`` where an object is put, and where its parts are completed."""
    copies_if: bool = False
    """Honours ``x-amz-copy-source-if-match`` where an object is copied, and where a part is."""
    tree: bool = False
    """Holds nothing below a key that holds bytes."""
    refuses: re.Pattern[str] | None = None
    """Segments of keys that it cannot hold, or gives back altered."""
    list_version: int = 2
    lists_uploads: bool = True
    """Tells of all open uploads whose keys begin with a prefix."""
    encodes_listings: bool = True
    """Takes ``encoding-type=url``."""
    max_key: int = 1024
    max_segment: int = 1024
    min_part: int = 5 * _MIB
    max_write: int = 5 * _GIB
    max_copy: int = 5 * _GIB
    max_object: int = 5 * 1024 * _GIB
    metadata: int = 2048
    """Bytes of all names and values of user metadata."""

    def can_hold(self, segments: Sequence[str]) -> bool:
        """Whether none of the segments of a path is one that it refuses."""
        refuses = self.refuses
        return refuses is None or not any(map(refuses.fullmatch, segments))


# Where a listing is not encoded, what XML cannot hold comes as U+FFFD or not at all.
_NOT_IN_XML = re.compile(".*[\x00-\x1f\ufffd-\uffff].*", re.DOTALL)


def _hosts(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


PROFILES: dict[str, Profile] = {
    "aws": Profile(
        hosts=_hosts(
            r"s3(?:[.-](?:dualstack\.|fips\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9]+))?"
            r"\.amazonaws\.com(?:\.cn)?"
        ),
        path_style=False,
        creates=True,
        copies_if=True,
    ),
    "r2": Profile(
        hosts=_hosts(r"[0-9a-f]+(?:\.[a-z]+)?\.r2\.cloudflarestorage\.com"),
        region="auto",
        creates=True,
    ),
    "b2": Profile(hosts=_hosts(r"s3\.(?P<region>[a-z0-9-]+)\.backblazeb2\.com")),
    "wasabi": Profile(hosts=_hosts(r"s3(?:\.(?P<region>[a-z0-9-]+))?\.wasabisys\.com")),
    "spaces": Profile(
        hosts=_hosts(r"(?P<region>[a-z0-9]+)\.digitaloceanspaces\.com"), path_style=False
    ),
    "oss": Profile(
        hosts=_hosts(r"(?:s3\.)?oss-(?P<region>[a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com"),
        region="cn-hangzhou",
        path_style=False,
        either_style=False,
    ),
    "cos": Profile(
        hosts=_hosts(r"cos\.(?P<region>[a-z0-9-]+)\.(?:myqcloud\.com|tencentcos\.cn)"),
        region="ap-guangzhou",
        path_style=False,
        list_version=1,
        max_key=850,
    ),
    "kodo": Profile(
        hosts=_hosts(r"s3[.-](?P<region>[a-z0-9-]+)\.qiniucs\.com"),
        region="cn-east-1",
        encodes_listings=False,
        refuses=_NOT_IN_XML,
        max_write=1 * _GIB,
        max_copy=1 * _GIB,
    ),
    "minio": Profile(
        creates=True,
        copies_if=True,
        # Only of those of the very key that is given for a prefix; it ends old ones by itself.
        lists_uploads=False,
        # Trimmed before they are looked at; a name that marks a folder inside.
        refuses=re.compile(r"[ \t-\r]*\.\.?[ \t-\r]*|.*__XLDIR__", re.DOTALL),
        max_segment=255,
    ),
    "versitygw": Profile(
        creates=True,
        copies_if=True,
        tree=True,
        encodes_listings=False,
        refuses=_NOT_IN_XML,
        max_segment=255,
    ),
    "generic": Profile(),
}


def profile_for(host: str) -> str:
    """The name of the service an endpoint's host belongs to; ``generic`` if it tells nothing."""
    for name, profile in PROFILES.items():
        if profile.hosts is not None and profile.hosts.fullmatch(host):
            return name
    return "generic"


def region_of(profile: Profile, host: str) -> str:
    """The region that an endpoint's host tells, else the one of the profile."""
    found = None if profile.hosts is None else profile.hosts.fullmatch(host)
    named = None if found is None else found.groupdict().get("region")
    return named or profile.region
