"""Between the wire and the application: each request is recorded, some go wrong."""

import time
from collections.abc import Awaitable, Callable, Sequence

from gateway.dispatch import refusal
from gateway.observe.event import RequestEvent
from gateway.operations import ROUTER
from gateway.s3.errors import S3Error
from gateway.s3.message import Request, Response
from gateway.s3.target import Domains, parse_target, with_hoisted_headers
from gateway.testing.effects import disturb
from gateway.testing.faults import KINDS, Aim, Effect, Fail, Faults
from gateway.testing.journal import Journal, recorded
from gateway.testing.stage import Stage
from gateway.wire.arriving import ArrivingBody

Control = Callable[[Request], Awaitable[Response | None]]


class Interposed:
    """Answers by the stage that is on, as ``gateway.wire.listener.Answer``.

    ``control`` is asked first; None from it means that the request is not for it.
    """

    def __init__(
        self,
        *,
        faults: Faults,
        journal: Journal,
        domains: Domains,
        control: Control | None = None,
    ) -> None:
        self._faults = faults
        self._journal = journal
        self._domains = domains
        self._control = control
        self._recorded: set[str] = set()
        self.stage: Stage | None = None

    async def answer(self, request: Request, event: RequestEvent) -> Response:
        """The answer. ConnectionAbortedError if there is to be none."""
        if self._control is not None:
            response = await self._control(request)
            if response is not None:
                self._recorded.add(event.id)
                event.operation = "dev"
                return response
        stage = self.stage
        if stage is None:
            raise ConnectionAbortedError("the server is closing")
        aim = aim_of(request, self._domains)
        effects = self._faults.due(aim)
        response = await self._decided(stage, request, event, aim, effects)
        self._recorded.add(event.id)
        if stage is self.stage:
            self._record(request, event, response, aim, effects)
        for effect in effects:
            await disturb(response, effect, stage.released)
        return response

    def observe(self, event: RequestEvent) -> None:
        """A request has ended: recorded now, if it never came to be answered."""
        if event.id in self._recorded:
            self._recorded.discard(event.id)
        elif event.operation != "site":
            self._journal.add(recorded(event))

    async def _decided(
        self,
        stage: Stage,
        request: Request,
        event: RequestEvent,
        aim: Aim,
        effects: Sequence[Effect],
    ) -> Response:
        failing = next((effect for effect in effects if isinstance(effect, Fail)), None)
        if failing is None:
            return await stage.answer(request, event)
        event.operation = aim.operation or event.operation
        event.bucket, event.key = aim.bucket, aim.key
        return refusal(S3Error(failing.code, failing.message), request, event)

    def _record(
        self,
        request: Request,
        event: RequestEvent,
        response: Response,
        aim: Aim,
        effects: Sequence[Effect],
    ) -> None:
        body = request.body
        self._journal.add(
            recorded(
                event,
                aim=aim,
                request=request,
                response=response,
                bytes_in=body.received if isinstance(body, ArrivingBody) else 0,
                seconds=(time.time_ns() - event.started_ns) / 1e9,
                faults=tuple(KINDS[type(effect)] for effect in effects),
            )
        )


def aim_of(request: Request, domains: Domains) -> Aim:
    """What a request is about, whether it is allowed or not."""
    try:
        target = parse_target(request.path, request.query, request.host, domains)
    except S3Error:
        return Aim()
    try:
        headers = with_hoisted_headers(target, request.headers)
        name = ROUTER.route(request.method, target, headers).name
    except S3Error:
        return Aim(bucket=target.bucket, key=target.key)
    return Aim(operation=name, bucket=target.bucket, key=target.key)
