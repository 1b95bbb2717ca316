"""Every setting by flag, environment and file, and which one wins."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.limits import LimitSettings
from gateway.settings.loader import load
from gateway.settings.model import Settings, named
from gateway.settings.problems import Problem, SettingsError
from gateway.settings.table import written_default

DISKS = {"disk": {"type": "local", "root": "/d"}, "nas": {"type": "local", "root": "/n"}}

# field: (as text in flag and environment, in the file, what it becomes)
VALUES: Mapping[str, tuple[str, Any, Any]] = {
    "address": (":9001", ":9001", ":9001"),
    "workers": ("3", 3, 3),
    "domains": ("S3.example.com, b.test", ["s3.example.com", "b.test"], ("s3.example.com", "b.test")),
    "public_url": ("https://a.test/,http://b:81/x", ["https://a.test", "http://b:81/x"], ("https://a.test", "http://b:81/x")),
    "trusted_proxies": ("10.0.0.7,fd00::/8", ["10.0.0.7/32", "fd00::/8"], ("10.0.0.7/32", "fd00::/8")),
    "region": ("eu-west-1", "eu-west-1", "eu-west-1"),
    "durability": ("relaxed", "relaxed", "relaxed"),
    "log_format": ("json", "json", "json"),
    "log_level": ("debug", "debug", "debug"),
    "tls_cert": ("/c.pem", "/c.pem", "/c.pem"),
    "tls_key": ("/k.pem", "/k.pem", "/k.pem"),
    "metrics_address": ("127.0.0.1:9100", "127.0.0.1:9100", "127.0.0.1:9100"),
    "watch": ("false", False, False),
    "walk_seconds": ("60", 60, 60.0),
    "poll_seconds": ("60", 60, 60.0),
    "missing_limit": ("10", 10, 10),
    "missing_share": ("0.5", 0.5, 0.5),
    "scrub": ("false", False, False),
    "scrub_rate": ("1000000", 1_000_000, 1_000_000),
    "scrub_days": ("7.5", 7.5, 7.5),
    "verify_reads": ("true", True, True),
    "fail_fast": ("true", True, True),
    "drain_seconds": ("2.5", 2.5, 2.5),
    "snapshot_seconds": ("60", 60, 60.0),
    "catalog": ("sqlite:///var/c.db", "sqlite:///var/c.db", "/var/c.db"),
    "default_storage": ("nas", "nas", "nas"),
    "buckets": ("raw, site", [{"name": "raw"}, "site"], ("raw", "site")),
    "root_access_key": ("admin", "admin", "admin"),
    "root_secret_key": ("secret123", "secret123", "secret123"),
    "max_connections": ("100", 100, 100),
    "max_connections_per_address": ("10", 10, 10),
    "max_requests": ("50", 50, 50),
    "max_waiting_requests": ("0", 0, 0),
    "max_headers": ("64", 64, 64),
    "max_header_bytes": ("8192", 8192, 8192),
    "header_seconds": ("2.5", 2.5, 2.5),
    "idle_seconds": ("5", 5.0, 5.0),
    "body_stall_seconds": ("6", 6.0, 6.0),
    "reader_stall_seconds": ("7", 7.0, 7.0),
    "min_bytes_per_second": ("0", 0, 0),
    "max_document_bytes": ("65536", 65536, 65536),
    "max_put_bytes": ("5000", 5000, 5000),
    "max_object_bytes": ("6000", 6000, 6000),
    "max_parts": ("7", 7, 7),
}  # fmt: skip
PARTNERS = {
    "tls_cert": {"S3FRONT_TLS_KEY": "/k"},
    "tls_key": {"S3FRONT_TLS_CERT": "/c"},
    "root_access_key": {"S3FRONT_ROOT_SECRET_KEY": "secret123"},
    "root_secret_key": {"S3FRONT_ROOT_ACCESS_KEY": "admin"},
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(path: Path, values: Mapping[str, Any]) -> Path:
    """A TOML file; JSON's values are TOML's, but for tables."""
    values = dict(values)
    storages = values.pop("storages", DISKS)
    lines = []
    for key, value in values.items():
        if key == "buckets":
            items = [{"name": one} if isinstance(one, str) else one for one in value]
            inline = ", ".join("{name = " + json.dumps(one["name"]) + "}" for one in items)
            lines.append(f"buckets = [{inline}]")
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    for name, options in storages.items():
        lines.append(f"[storages.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in options.items()]
    path.write_text("\n".join(lines))
    return path


def plain(settings: Settings, field: str) -> Any:
    value = getattr(settings, field)
    if field == "buckets":
        return tuple(bucket.name for bucket in value)
    return value.get_secret_value() if field == "root_secret_key" else value


def base(field: str) -> dict[str, Any]:
    """What a file must say so that only ``field`` is in question."""
    return {} if field == "default_storage" else {"default_storage": "disk"}


def test_the_list_of_values_knows_every_setting() -> None:
    assert set(VALUES) | {"storages"} == set(Settings.model_fields)


@pytest.mark.parametrize("field", VALUES)
def test_a_setting_is_read_from_the_environment(field: str, tmp_path: Path) -> None:
    file = written(tmp_path / "s.toml", base(field))
    text, _, expected = VALUES[field]
    environ = {**PARTNERS.get(field, {}), named(field).env: text}
    loaded = load(flags={}, environ=environ, file=file)
    assert plain(loaded.settings, field) == expected
    assert loaded.origins[field] == named(field).env
    assert not loaded.warnings


@pytest.mark.parametrize("field", VALUES)
def test_a_setting_is_read_from_the_file_its_variable_names(field: str, tmp_path: Path) -> None:
    text, _, expected = VALUES[field]
    held = tmp_path / "held"
    held.write_text(text + "\n")
    file = written(tmp_path / "s.toml", base(field))
    environ = {**PARTNERS.get(field, {}), f"{named(field).env}_FILE": str(held)}
    loaded = load(flags={}, environ=environ, file=file)
    assert plain(loaded.settings, field) == expected


@pytest.mark.parametrize("field", VALUES)
def test_a_setting_is_read_from_the_configuration_file(field: str, tmp_path: Path) -> None:
    _, value, expected = VALUES[field]
    file = written(tmp_path / "s.toml", {**base(field), field: value})
    loaded = load(flags={}, environ=PARTNERS.get(field, {}), file=file)
    assert plain(loaded.settings, field) == expected
    assert loaded.origins[field] == f"{field} in {file}"


@pytest.mark.parametrize("field", [name for name in VALUES if named(name).flag])
def test_a_flag_goes_before_the_environment_before_the_file(field: str, tmp_path: Path) -> None:
    text, value, expected = VALUES[field]
    other = {
        "workers": "9", "drain_seconds": "9", "snapshot_seconds": "9", "durability": "full", "log_format": "text",
        "log_level": "error", "default_storage": "disk", "address": ":1", "metrics_address": ":1",
        "trusted_proxies": "10.9.9.9", "public_url": "https://other.test", "buckets": "other",
        "catalog": "/other.db", "watch": "true", "walk_seconds": "9", "poll_seconds": "9", "missing_limit": "9",
        "missing_share": "0.9", "scrub": "true", "scrub_rate": "65536", "scrub_days": "9", "verify_reads": "false",
        "fail_fast": "false",
    }.get(field, "other")  # fmt: skip
    if field in LimitSettings.model_fields:
        other = written_default(field)
    environ = {**PARTNERS.get(field, {}), named(field).env: other}
    file = written(tmp_path / "s.toml", {**base(field), field: value})

    by_flag = load(flags={field: text}, environ=environ, file=file)
    assert plain(by_flag.settings, field) == expected
    assert by_flag.origins[field] == named(field).flag

    by_environment = load(flags={}, environ=environ, file=file)
    assert plain(by_environment.settings, field) != expected
    assert by_environment.origins[field] == named(field).env


def test_storages_come_from_the_environment_too(tmp_path: Path) -> None:
    environ = {
        "S3FRONT_STORAGES__NAS__TYPE": "local",
        "S3FRONT_STORAGES__NAS__ROOT_FILE": str(tmp_path / "root"),
    }
    (tmp_path / "root").write_text("/mnt/nas\n")
    settings = load(flags={}, environ=environ).settings
    assert settings.home == "nas"
    assert settings.storages["nas"].options["root"] == "/mnt/nas"


def test_a_storage_of_a_higher_source_replaces_the_lower_one_whole(tmp_path: Path) -> None:
    file = written(tmp_path / "s.toml", {"default_storage": "disk"})
    environ = {"S3FRONT_STORAGES__NAS__TYPE": "memory"}
    settings = load(flags={}, environ=environ, file=file).settings
    assert settings.storages["nas"].options == {}
    assert settings.storages["disk"].options == {"root": "/d"}


def test_a_directory_is_the_default_storage_whatever_the_environment_adds(tmp_path: Path) -> None:
    environ = {"S3FRONT_STORAGES__NAS__TYPE": "local", "S3FRONT_STORAGES__NAS__ROOT": "/n"}
    settings = load(flags={}, environ=environ, folder=tmp_path / "photos").settings
    assert settings.home == "disk"
    assert settings.storages["disk"].options["root"] == str(tmp_path / "photos")
    assert set(settings.storages) == {"disk", "nas"}


def test_without_file_and_directory_it_is_the_file_of_this_folder_else_data(tmp_path: Path) -> None:
    assert load(flags={}, environ={}).settings.storages["disk"].options["root"] == str(
        tmp_path / "data"
    )
    written(tmp_path / "s3front.toml", {"default_storage": "nas"})
    assert load(flags={}, environ={}).settings.home == "nas"
    other = written(tmp_path / "other.toml", {"default_storage": "disk"})
    assert load(flags={}, environ={"S3FRONT_CONFIG": str(other)}).settings.home == "disk"


def test_a_directory_means_that_no_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "s3front.toml").write_text("this is no TOML")
    assert load(flags={}, environ={}, folder=Path("d")).file is None


def test_references_to_variables_and_files_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    file = written(
        tmp_path / "s.toml",
        {
            "default_storage": "disk",
            "region": "${REGION}-1",
            "root_access_key": "a$${X}",
            "root_secret_key": "file:secret",
        },
    )
    settings = load(flags={}, environ={"REGION": "eu"}, file=file).settings
    assert settings.region == "eu-1"
    assert settings.root_access_key == "a${X}"
    assert plain(settings, "root_secret_key") == "from a file"


def test_paths_are_relative_to_where_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "etc"
    conf.mkdir()
    file = written(
        conf / "s.toml",
        {"storages": {"disk": {"type": "local", "root": "objects"}}, "tls_cert": "cert.pem"},
    )
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    settings = load(flags={"tls_key": "key.pem"}, environ={}, file=file).settings
    assert settings.storages["disk"].options["root"] == str(conf / "objects")
    assert settings.tls_cert == str(conf / "cert.pem")
    assert settings.tls_key == str(work / "key.pem")


def test_names_of_minio_are_understood_and_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret123\n")
    environ = {
        "MINIO_ROOT_USER": "admin",
        "MINIO_ROOT_PASSWORD_FILE": str(tmp_path / "password"),
        "MINIO_DOMAIN": "s3.test",
        "MINIO_SERVER_URL": "https://s3.test",
        "MINIO_BROWSER": "off",
    }
    loaded = load(flags={}, environ=environ)
    assert loaded.settings.root_access_key == "admin"
    assert plain(loaded.settings, "root_secret_key") == "secret123"
    assert loaded.settings.domains == ("s3.test",)
    assert loaded.settings.public_url == ("https://s3.test",)
    assert len(loaded.notices) == 1
    assert "MINIO_ROOT_USER as S3FRONT_ROOT_ACCESS_KEY" in loaded.notices[0]
    assert "secret123" not in loaded.notices[0]


def test_our_names_go_before_those_of_minio() -> None:
    environ = {
        "MINIO_ROOT_USER": "theirs",
        "S3FRONT_ROOT_ACCESS_KEY": "ours",
        "S3FRONT_ROOT_SECRET_KEY": "secret123",
    }
    loaded = load(flags={}, environ=environ)
    assert loaded.settings.root_access_key == "ours"
    assert not loaded.notices


def test_an_unknown_variable_is_warned_about_with_the_nearest_name() -> None:
    loaded = load(flags={}, environ={"S3FRONT_ADRESS": "x", "S3FRONT_ROOT_ACESS_KEY_FILE": "y"})
    assert loaded.warnings == (
        "S3FRONT_ADRESS is no setting and is ignored; did you mean S3FRONT_ADDRESS?",
        (
            "S3FRONT_ROOT_ACESS_KEY_FILE is no setting and is ignored; "
            "did you mean S3FRONT_ROOT_ACCESS_KEY_FILE?"
        ),
    )


def test_an_empty_variable_is_not_set() -> None:
    assert load(flags={}, environ={"S3FRONT_WORKERS": ""}).settings.workers == 1


def test_settings_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    from gateway.server.orders import dump_settings  # noqa: PLC0415 - only this test needs it

    fields = {name: value for name, (_, value, _) in VALUES.items() if "root" not in name}
    settings = load(flags={}, environ={}, file=written(tmp_path / "s.toml", fields)).settings
    again = Settings.model_validate(json.loads(json.dumps(dump_settings(settings))))
    assert again == settings
    assert again.storages["disk"].options == {"root": "/d"}


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    environ = {"S3FRONT_ROOT_ACCESS_KEY": "admin", "S3FRONT_ROOT_SECRET_KEY": "very-secret"}
    file = written(tmp_path / "s.toml", {"default_storage": "disk"})
    assert "very-secret" not in repr(load(flags={}, environ=environ, file=file))


@given(
    st.dictionaries(
        st.sampled_from([named(name).env for name in Settings.model_fields if name != "storages"])
        | st.from_regex(r"S3FRONT_[A-Z_]{0,12}", fullmatch=True),
        st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=12),
        max_size=6,
    )
)
def test_any_environment_is_taken_or_refused_with_key_and_fix(environ: dict[str, str]) -> None:
    problems: Sequence[Problem] = ()
    try:
        load(flags={}, environ=environ, folder=Path("/nowhere"))
    except SettingsError as error:
        problems = error.problems or (Problem(key="", wrong="", fix=""),)
    assert all(problem.key and problem.wrong and problem.fix for problem in problems)
