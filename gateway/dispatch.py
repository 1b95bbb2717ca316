"""One request from value to value, in one straight line.

authenticate ▶ route ▶ authorize ▶ refuse what is not built ▶ read input ▶ handle ▶ answer. Every
failure becomes one S3Error, and one place writes its XML. Authentication stands before everything
that could tell a stranger something; only preflights, which browsers do not sign, come before it.
"""

import time
from concurrent.futures import Executor
from typing import Any

import structlog

from backends.errors import StorageError
from gateway.access.authentication import Authentication
from gateway.access.authorization import Authorization
from gateway.catalog.errors import CatalogDamaged, CatalogError
from gateway.observe.event import RequestEvent
from gateway.operations import ROUTER
from gateway.s3.errors import S3Error, error_document
from gateway.s3.fields import read, takes_document
from gateway.s3.message import Request, Response
from gateway.s3.preflight import METHOD as PREFLIGHT
from gateway.s3.preflight import preflight_refusal
from gateway.s3.refused_headers import refuse_unbuilt
from gateway.s3.refused_parameters import refuse_parameters
from gateway.s3.target import Domains, Target, parse_target, with_hoisted_headers
from gateway.served import Serve
from gateway.service.context import Context, Services
from gateway.service.faults import s3_error
from gateway.service.findings import report

_log = structlog.get_logger("s3front.dispatch")
_REPORT_PAUSE_S = 60.0
"""Between two reports that the catalog is damaged: each request that meets it fails anyway."""


class Dispatcher:
    """Answers requests. ``pool`` is where large pieces of bodies are hashed."""

    def __init__(
        self,
        services: Services,
        *,
        authentication: Authentication,
        authorization: Authorization,
        domains: Domains,
        pool: Executor,
    ) -> None:
        self._services = services
        self._authentication = authentication
        self._authorization = authorization
        self._domains = domains
        self._pool = pool
        self._may_report = 0.0

    async def answer(self, request: Request, event: RequestEvent) -> Response:
        """The answer, whatever happens. ``event`` is filled for the log."""
        try:
            serve, context, target = self._admitted(request, event)
            document = b""
            if takes_document(serve.input):
                document = await context.payload.document(
                    self._services.bounds.document, checksum_of_body=serve.checksum_of_body
                )
            input = read(serve.input, target, context.headers, document)
            return serve.answer(await serve.handler(context, input))
        except S3Error as error:
            return refusal(error, request, event)
        except (CatalogError, StorageError) as fault:
            if isinstance(fault, CatalogDamaged):
                await self._report_damage(fault)
            return refusal(s3_error(fault), request, event)
        except Exception:  # noqa: BLE001 - whatever it is, the client gets S3's error
            _log.exception("unexpected error", request_id=request.id, operation=event.operation)
            return refusal(S3Error("InternalError"), request, event)

    def _admitted(
        self, request: Request, event: RequestEvent
    ) -> tuple[Serve[Any, Any], Context, Target]:
        """What is to be done, and that its sender may ask for it. Raises S3Error."""
        target = parse_target(request.path, request.query, request.host, self._domains)
        headers = with_hoisted_headers(target, request.headers)
        event.bucket, event.key = target.bucket, target.key
        if request.method == PREFLIGHT and target.bucket is not None:
            raise preflight_refusal(target, request.headers)
        principal, verified = self._authentication(request, event)
        operation = ROUTER.route(request.method, target, headers)
        event.operation = operation.name
        for action in operation.actions(version="versionId" in target.params, headers=headers):
            self._authorization(principal, action)
        for action in operation.source_actions(headers):
            self._authorization(principal, action)
        refuse_unbuilt(operation.name, headers)
        if target.params:
            refuse_parameters(operation.name, target.params)
        context = Context(self._services, request, verified, headers=headers, pool=self._pool)
        return operation.built(), context, target

    async def _report_damage(self, fault: CatalogDamaged) -> None:
        now = time.monotonic()
        if now >= self._may_report:
            self._may_report = now + _REPORT_PAUSE_S
            await report(self._services, "catalog", str(fault))


def refusal(error: S3Error, request: Request, event: RequestEvent) -> Response:
    """The answer that tells of an error, and the event told of it."""
    event.error_code = error.code
    headers = dict(error.headers)
    if error.status == 304:
        return Response(status=304, headers=headers)
    headers["Content-Type"] = "application/xml"
    # Some refusals may be cached unless it is said (RFC 9111, 4.2.2), and given to others.
    headers["Cache-Control"] = "no-store"
    document = error_document(
        error, resource=request.path, request_id=request.id, host_id=request.host_id
    )
    close = headers.pop("connection", "") == "close"
    return Response(status=error.status, headers=headers, body=document, close=close)
