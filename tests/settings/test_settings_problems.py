"""Each refusal names the key as it was written, what is wrong, and the fix."""

from pathlib import Path
from typing import Any

import pytest

from gateway.settings.loader import load
from gateway.settings.problems import SettingsError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problem(
    *, environ: dict[str, str] | None = None, flags: dict[str, Any] | None = None, file: str = ""
) -> str:
    """The only problem of these settings, as it is printed."""
    path = Path("s3front.toml")
    if file:
        path.write_text(file)
    with pytest.raises(SettingsError) as caught:
        load(flags=flags or {}, environ=environ or {})
    assert len(caught.value.problems) == 1, caught.value
    return str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "wrong", "fix"),
    [
        ("S3FRONT_ADDRESS", "nonsense", "'nonsense' is no address", "127.0.0.1:9000"),
        ("S3FRONT_ADDRESS", "::1:9000", "needs brackets", "host:port"),
        ("S3FRONT_ADDRESS", "h:70000", "at most 65535", "host:port"),
        ("S3FRONT_METRICS_ADDRESS", "x:y", "'x:y' is no address", "host:port"),
        ("S3FRONT_WORKERS", "many", "valid integer", "whole number"),
        ("S3FRONT_WORKERS", "0", "greater than or equal to 1", "Write 1 or more"),
        ("S3FRONT_WORKERS", "1000", "less than or equal to 256", "Write 256 or less"),
        ("S3FRONT_DOMAIN", "https://x.test", "is no domain name", "without scheme"),
        ("S3FRONT_DOMAIN", "10.0.0.1", "is no domain name", "host name"),
        ("S3FRONT_PUBLIC_URL", "s3.test", "is no public URL", "https://s3.example.com"),
        ("S3FRONT_PUBLIC_URL", "https://u:p@s3.test", "is no public URL", "https://"),
        ("S3FRONT_TRUSTED_PROXIES", "proxy", "is no IP address", "10.0.0.0/8"),
        ("S3FRONT_REGION", "Mars!", "is no region", "eu-west-1"),
        ("S3FRONT_DURABILITY", "maybe", "'maybe' is none", "Write one of 'full' or 'relaxed'"),
        ("S3FRONT_LOG_FORMAT", "xml", "'xml' is none", "Write one of 'auto', "),
        ("S3FRONT_LOG_LEVEL", "loud", "'loud' is none", "Write one of 'debug', "),
        ("S3FRONT_TLS_CERT", "/c.pem", "it is missing", "both --tls-cert and --tls-key"),
        ("S3FRONT_TLS_KEY", "/k.pem", "it is missing", "both --tls-cert and --tls-key"),
        ("S3FRONT_DRAIN_SECONDS", "soon", "valid number", "Write a number"),
        ("S3FRONT_DRAIN_SECONDS", "-1", "greater than or equal to 0", "Write 0 or"),
        ("S3FRONT_CATALOG", "postgresql://h/d", "no catalog of kind 'postgresql'", "sqlite:///"),
        ("S3FRONT_CATALOG", "sqlite:x.db", "names no file", "absolute path"),
        ("S3FRONT_DEFAULT_STORAGE", "nas", "there is no storage 'nas'", "Name one of: disk"),
        ("S3FRONT_BUCKETS", "raw,Bad_Name", "no legal bucket name", "3 to 63"),
        ("S3FRONT_BUCKETS", "192.168.1.1", "no legal bucket name", "3 to 63"),
        ("S3FRONT_BUCKETS", "a..b", "no legal bucket name", "3 to 63"),
        ("S3FRONT_BUCKETS", "site:public-read", "access rule", "Write 'site'"),
        ("S3FRONT_ROOT_ACCESS_KEY", "admin", "it is missing", "Set both"),
        ("S3FRONT_ROOT_SECRET_KEY", "secret123", "it is missing", "Set both"),
        ("S3FRONT_STORAGES__NAS__TYPE", "webdaw", "no storage type 'webdaw'", "Known types: "),
        (
            "S3FRONT_STORAGES__NAS__TYPE",
            "oss",
            "no storage type 'oss'",
            'profile = "oss" and its S3',
        ),
        ("S3FRONT_STORAGES__NAS__ROOT", "/n", "field required", "Add it"),
    ],
)
def test_a_wrong_value_in_the_environment(variable: str, value: str, wrong: str, fix: str) -> None:
    text = problem(environ={variable: value})
    key = {
        "S3FRONT_TLS_CERT": "tls_key (--tls-key)",
        "S3FRONT_TLS_KEY": "tls_cert (--tls-cert)",
        "S3FRONT_ROOT_ACCESS_KEY": "root_secret_key (S3FRONT_ROOT_SECRET_KEY)",
        "S3FRONT_ROOT_SECRET_KEY": "root_access_key (S3FRONT_ROOT_ACCESS_KEY)",
        "S3FRONT_STORAGES__NAS__ROOT": "storages.nas.type",
    }.get(variable, variable)
    assert text.startswith(key)
    assert wrong in text
    assert fix in text


@pytest.mark.parametrize("secret", ["short", "blank at end ", "line\nend-in-it", "x" * 257])
def test_a_refused_secret_is_not_repeated(secret: str) -> None:
    text = problem(environ={"S3FRONT_ROOT_ACCESS_KEY": "admin", "S3FRONT_ROOT_SECRET_KEY": secret})
    assert text.startswith("S3FRONT_ROOT_SECRET_KEY: it is no usable secret key.")
    assert secret not in text


@pytest.mark.parametrize("key", ["ab", "with blank", "a/b", "a=b", "a,b", "ä" * 5, "x" * 129])
def test_an_access_key_that_cannot_be_signed_with_is_refused(key: str) -> None:
    text = problem(environ={"S3FRONT_ROOT_ACCESS_KEY": key, "S3FRONT_ROOT_SECRET_KEY": "secret123"})
    assert "S3FRONT_ROOT_ACCESS_KEY: it is no usable access key." in text


@pytest.mark.parametrize(
    ("file", "key", "wrong", "fix"),
    [
        ("workers = 'x'", "workers in s3front.toml", "valid integer", "whole number"),
        ("wrokers = 2", "wrokers in s3front.toml", "no such setting", "Did you mean workers?"),
        ("zzz = 2", "zzz in s3front.toml", "no such setting", "config show"),
        ("workers = ", "s3front.toml", "no TOML", "Correct that line"),
        ("region = '${NOPE}'", "region in s3front.toml", "NOPE is not set", "$${NOPE}"),
        (
            "root_access_key = 'admin'\nroot_secret_key = 'file:gone'",
            "root_secret_key in s3front.toml",
            "cannot be read: No such file",
            "Make it readable for uid",
        ),
        ("buckets = [3]", "buckets.0 in s3front.toml", "no table", "[[buckets]] with name"),
        ("storages = 3", "storages in s3front.toml", "no table", "[storages.NAME]"),
        ("[storages]\nx = 3", "storages.x in s3front.toml", "no table", "[storages.NAME]"),
        (
            "[storages.disk]\ntype = 'local'",
            "storages.disk in s3front.toml",
            "'root' is missing",
            "type 'local' needs it",
        ),
        (
            "[storages.disk]\ntype = 'local'\nroot = '/d'\nrot = 1",
            "storages.disk in s3front.toml",
            "takes no 'rot'",
            "it takes: durability, root.",
        ),
        (
            "[storages.nas]\ntype = 'webdav'\nendpoint = 'https://n'\nuser = 'me'",
            "storages.nas in s3front.toml",
            "takes no 'user'",
            "it takes: allow_private, cache_directory, cache_size, chunk_size, ",
        ),
        (
            "[storages.'A B']\ntype = 'memory'",
            "storages in s3front.toml",
            "'A B' is no name",
            "lower-case",
        ),
        (
            "[storages.a]\ntype = 'memory'\n[storages.b]\ntype = 'memory'",
            "default_storage",
            "several storages",
            "Name one of: a, b",
        ),
        (
            (
                "default_storage = 'a'\n[storages.a]\ntype = 'local'\nroot = '/d'\n"
                "[storages.b]\ntype = 'local'\nroot = '/d/x/../sub'"
            ),
            "storages in s3front.toml",
            "the root of 'b' lies in that of 'a'",
            "a directory of its own",
        ),
        (
            "workers = 2\n[storages.a]\ntype = 'memory'",
            "workers in s3front.toml",
            "in memory",
            "--workers 1",
        ),
        (
            "[[buckets]]\nname = 'raw'\nstorage = 'nas'",
            "buckets in s3front.toml",
            "no storage 'nas'",
            "Name one of: disk",
        ),
        (
            "[[buckets]]\nname = 'raw'\naccess = 'public-read'",
            "buckets.0.access in s3front.toml",
            "not permitted",
            "Remove it",
        ),
    ],
)
def test_a_wrong_value_in_the_file(file: str, key: str, wrong: str, fix: str) -> None:
    text = problem(file=file)
    assert text.startswith(key)
    assert wrong in text
    assert fix in text


def test_a_wrong_flag_is_named_as_a_flag() -> None:
    assert problem(flags={"workers": "x"}).startswith("--workers: ")


def test_a_list_in_one_text_is_named_as_it_was_written() -> None:
    assert problem(flags={"buckets": "raw,B"}).startswith("--buckets: 'B' is no legal bucket name")
    assert problem(environ={"S3FRONT_BUCKETS": "raw,B"}).startswith("S3FRONT_BUCKETS: 'B' is no")


def test_a_file_of_a_secret_that_cannot_be_read_is_told_once() -> None:
    text = problem(
        environ={"S3FRONT_ROOT_ACCESS_KEY": "admin", "S3FRONT_ROOT_SECRET_KEY_FILE": "/gone"}
    )
    assert text.startswith("S3FRONT_ROOT_SECRET_KEY_FILE: the file /gone cannot be read")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"gone.toml: it cannot be read: No such file.* -c FILE"
    ):
        load(flags={}, environ={}, file=Path("gone.toml"))


def test_a_directory_and_a_file_do_not_go_together() -> None:
    with pytest.raises(SettingsError, match=r"both a directory and a configuration file.*Give one"):
        load(flags={}, environ={}, folder=Path("d"), file=Path("f"))


def test_a_value_and_its_file_do_not_go_together() -> None:
    text = problem(environ={"S3FRONT_REGION": "a", "S3FRONT_REGION_FILE": "b"})
    assert text == "S3FRONT_REGION_FILE: S3FRONT_REGION is set too. Set only one of them."


def test_a_large_file_is_no_value(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 65 * 1024)
    text = problem(environ={"S3FRONT_REGION_FILE": str(tmp_path / "large")})
    assert "larger than 64 KiB" in text


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(flags={"region": "!"}, environ={"S3FRONT_WORKERS": "x", "S3FRONT_DOMAIN": "!"})
    assert {problem.key for problem in caught.value.problems} == {
        "--region",
        "S3FRONT_WORKERS",
        "S3FRONT_DOMAIN",
    }
