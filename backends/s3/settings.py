"""The settings of an ``s3`` storage, read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from backends.errors import NameRefused
from backends.http.addresses import allows_private
from backends.http.origin import Origin, origin_of
from backends.interface import Limits
from backends.naming import segments
from backends.s3.profiles import PROFILES, Profile, profile_for, region_of
from sigv4.sign import Credentials

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_IN_A_HOST = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
)
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Settings:
    """``prefix`` is empty or ends in ``/``. ``region`` is None if it is to be found out."""

    endpoint: Origin
    bucket: str
    credentials: Credentials
    region: str | None
    profile: Profile
    path_style: bool
    prefix: str
    url: Origin | None
    allow_private: bool

    @property
    def origin(self) -> Origin:
        """Where requests go."""
        if self.path_style:
            return self.endpoint
        return replace(self.endpoint, host=f"{self.bucket}.{self.endpoint.host}")

    @property
    def first_region(self) -> str:
        """What to sign for before the service has said otherwise."""
        return self.region or region_of(self.profile, self.endpoint.host)


def read_settings(settings: Mapping[str, object]) -> S3Settings:
    """ValueError, with cause and remedy, for a value that cannot be. It never tells a secret."""
    endpoint = origin_of(settings["endpoint"])
    name = _text(settings, "profile", None) or profile_for(endpoint.host)
    profile = PROFILES.get(name)
    if profile is None:
        raise ValueError(f"profile is one of {', '.join(PROFILES)}, not {name!r}")
    bucket = _text(settings, "bucket", _BUCKET) or ""
    if "link_mode" in settings and settings["link_mode"] not in {"direct", "proxy"}:
        raise ValueError('link_mode is "direct" or "proxy"')
    region = _text(settings, "region", _REGION)
    return S3Settings(
        endpoint=endpoint,
        bucket=bucket,
        credentials=Credentials(
            access_key=_text(settings, "access_key", _TOKEN) or "",
            secret=_text(settings, "secret_key", _TOKEN) or "",
            session_token=_text(settings, "session_token", _TOKEN),
        ),
        region=None if region in {None, "auto"} else region,
        profile=profile,
        path_style=_path_style(settings, profile, endpoint, bucket),
        prefix=_prefix(settings),
        url=origin_of(settings["url"], setting="url") if settings.get("url") else None,
        allow_private=allows_private(settings),
    )


def _path_style(
    settings: Mapping[str, object], profile: Profile, endpoint: Origin, bucket: str
) -> bool:
    style = _text(settings, "address_style", None)
    if style not in {None, "auto", "path", "virtual"}:
        raise ValueError(
            'address_style is "path" (bucket in the path), "virtual" (in the host) or "auto"'
        )
    if style in {"path", "virtual"}:
        wanted = style == "path"
        if wanted != profile.path_style and not profile.either_style:
            raise ValueError('address_style must be "virtual" for this service: leave it out')
    else:
        # A certificate for *.host does not cover a name with a dot.
        wanted = profile.path_style or (profile.either_style and "." in bucket)
    if not wanted and (endpoint.path or not _IN_A_HOST.fullmatch(bucket)):
        raise ValueError('this bucket cannot be in a host\'s name: set address_style = "path"')
    return wanted


def _prefix(settings: Mapping[str, object]) -> str:
    prefix = (_text(settings, "prefix", None) or "").strip("/")
    if not prefix:
        return ""
    try:
        segments(prefix, Limits(max_path=512))
    except NameRefused:
        raise ValueError("prefix is a path such as team/files: no empty, . or .. segment") from None
    return f"{prefix}/"


def _text(settings: Mapping[str, object], name: str, form: re.Pattern[str] | None) -> str | None:
    value = settings.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text, not {type(value).__name__}")  # noqa: TRY004 (one error)
    if form is not None and not form.fullmatch(value):
        raise ValueError(f"{name} holds a character that it cannot have, or has a wrong length")
    return value
