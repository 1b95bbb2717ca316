"""From settings to a running server: what the parent does, in order."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from gateway.access.credentials import Credentials, CredentialsError, Kept, keep
from gateway.launch import Launched
from gateway.observe import log
from gateway.observe.sink import Sink
from gateway.safekeeping import marks
from gateway.server import sockets
from gateway.server.directories import Directories
from gateway.server.failure import Exit, StartError
from gateway.server.slots import Plan
from gateway.server.supervisor import Supervisor
from gateway.settings.address import Address
from gateway.settings.loader import Loaded
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsError

FACTORY = "gateway.server.build:build"

_log = structlog.get_logger("s3front.start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What is told when all workers are ready."""

    address: Address
    tls: bool
    region: str
    storages: dict[str, str] = field(repr=False)
    """Name to a word on where it is."""
    credentials: Credentials
    kept: Kept | None
    """None if the credentials were given in the settings."""
    given: tuple[str, str]
    """Where access key and secret key were given, as ``Loaded.origins`` tells it, if they were."""
    metrics: Address | None

    @property
    def endpoint(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{Address(host=self.address.reachable_host, port=self.address.port)}"


def serve(
    loaded: Loaded,
    *,
    load_again: Callable[[], Loaded],
    announce: Callable[[Started], None],
    factory: str = FACTORY,
    ahead: Sequence[Launched] = (),
) -> None:
    """Serve until told to stop. Raises StartError with cause, fix and exit code.

    ``ahead``: processes that wait to be workers.
    """
    settings = loaded.settings
    sink = log.stderr_sink()
    try:
        log.configure(sink, form=settings.log_format, level=settings.log_level)
        for notice in loaded.notices:
            _log.info(notice)
        for warning in loaded.warnings:
            _log.warning(warning)
        directories = Directories(settings)
        try:
            _take_over(directories.state)
            _supervise(
                loaded,
                directories,
                announce=announce,
                reload=lambda: _reload(load_again, sink),
                factory=factory,
                ahead=ahead,
            )
        finally:
            directories.close()
    finally:
        sink.close()


def _take_over(state: Path) -> None:
    """What is served is neither half a copy nor a backup any more."""
    unfinished = marks.read(state, marks.UNFINISHED)
    if unfinished is not None:
        raise StartError(
            f"{state.parent} is an unfinished {unfinished.what}. Run `s3front {unfinished.what}` "
            "again, or remove it.",
            exit=Exit.STORAGE_FAILED,
        )
    if marks.read(state, marks.BACKUP) is not None:
        marks.clear(state, marks.BACKUP)
        _log.warning("this backup is a data directory now and will not be updated any more")


def _supervise(
    loaded: Loaded,
    directories: Directories,
    *,
    announce: Callable[[Started], None],
    reload: Callable[[], Settings | None],
    factory: str,
    ahead: Sequence[Launched],
) -> None:
    settings, origins = loaded.settings, loaded.origins
    # The port before the keys: what is printed once should not be lost to a port in use.
    with sockets.reserve(settings.listen) as reserved:
        sockets.raise_descriptor_limit()
        kept = _kept(settings, directories.state)
        credentials = kept.credentials if kept is not None else _given(settings)
        metrics = _Metrics(settings.metrics_listen)
        try:
            started = Started(
                address=Address(host=settings.listen.host, port=reserved.getsockname()[1]),
                tls=settings.tls_cert is not None,
                region=settings.region,
                storages={
                    name: str(storage.options.get("root", storage.type))
                    for name, storage in settings.storages.items()
                },
                credentials=credentials,
                kept=kept,
                given=(origins.get("root_access_key", ""), origins.get("root_secret_key", "")),
                metrics=metrics.address,
            )

            async def run() -> None:
                await Supervisor(
                    Plan(
                        settings=settings,
                        credentials=credentials,
                        catalog=str(directories.catalog),
                        factory=factory,
                        reserved=reserved,
                        locks=directories.locks,
                        check=directories.check,
                        metrics_folder=metrics.folder,
                        ahead=list(ahead),
                    ),
                    announce=lambda: _announce(started, announce),
                    reload=reload,
                    died=metrics.worker_died,
                ).run()

            asyncio.run(run())
        finally:
            metrics.close()


def _announce(started: Started, tell: Callable[[Started], None]) -> None:
    _log.info("ready", endpoint=started.endpoint)
    # Nobody may be there to read it.
    with contextlib.suppress(OSError):
        tell(started)


def _kept(settings: Settings, state: Path) -> Kept | None:
    if settings.root_secret_key is not None:
        return None
    try:
        kept = keep(state)
    except CredentialsError as error:
        raise StartError(str(error), exit=Exit.BAD_CONFIGURATION) from None
    except OSError as error:
        raise StartError(
            f"The keys cannot be kept in {state}: {error.strerror} for uid {os.geteuid()}. Make it "
            "readable and writable, or set S3FRONT_ROOT_ACCESS_KEY and S3FRONT_ROOT_SECRET_KEY.",
            exit=Exit.STORAGE_FAILED,
        ) from None
    if kept.tightened:
        _log.warning("others could read the credentials; mode is now 0600", file=str(kept.file))
    return kept


def _given(settings: Settings) -> Credentials:
    access_key, secret_key = settings.root_access_key, settings.root_secret_key
    if access_key is None or secret_key is None:
        raise StartError("Both root keys are needed.", exit=Exit.BAD_CONFIGURATION)
    return Credentials(root_access_key=access_key, root_secret_key=secret_key.get_secret_value())


def _reload(load_again: Callable[[], Loaded], sink: Sink) -> Settings | None:
    try:
        loaded = load_again()
    except SettingsError as error:
        for problem in error.problems:
            _log.error("settings not reloaded", problem=str(problem))
        return None
    log.configure(sink, form=loaded.settings.log_format, level=loaded.settings.log_level)
    for warning in loaded.warnings:
        _log.warning(warning)
    return loaded.settings


class _Metrics:
    """The address of metrics, if there is one. The library is imported only then."""

    def __init__(self, address: Address | None) -> None:
        self.address = address
        self.folder: str | None = None
        self.worker_died: Callable[[int], None] = lambda _: None
        self.close: Callable[[], None] = lambda: None
        if address is None:
            return
        from gateway.observe.metrics_address import MetricsAddress  # noqa: PLC0415 - 80 ms

        metrics = MetricsAddress()
        try:
            port = metrics.start(address.host, address.port)
        except OSError as error:
            metrics.close()
            raise StartError(
                f"metrics_address: cannot listen on {address}: {error.strerror}. Choose another "
                "with --metrics-address, or leave it out.",
                exit=Exit.BAD_CONFIGURATION,
            ) from None
        self.address = Address(host=address.host, port=port)
        self.folder = str(metrics.folder)
        self.worker_died = metrics.worker_died
        self.close = metrics.close
