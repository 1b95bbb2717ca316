"""A ``Response`` as bytes on the connection."""

import time
from email.utils import formatdate

from aiohttp import web

from gateway.s3.message import Response, Stream

_SMALL = 64 * 1024


class _Clock:
    """The Date header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def text(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._text = formatdate(now, usegmt=True)
        return self._text


_clock = _Clock()


async def send(
    request: web.BaseRequest, request_id: str, response: Response, *, host_id: str
) -> web.StreamResponse:
    """Send head and body; the body's stream is closed in any case.

    Returns what aiohttp wants back from its handler. ``ConnectionError`` if the client went away.
    """
    body = response.body
    if isinstance(body, bytes):
        return await _sent(request, whole(request, request_id, response, host_id=host_id))
    _add_ours(response, request_id, host_id)
    try:
        if body.length <= _SMALL and request.method != "HEAD" and not response.in_pieces:
            data = b"".join([piece async for piece in body.chunks()])
            return await _sent(request, _whole(request, response, data))
        return await _stream(request, response, body)
    finally:
        await body.aclose()


def whole(
    request: web.BaseRequest, request_id: str, response: Response, *, host_id: str
) -> web.StreamResponse:
    """As ``send``, of an answer whose body is bytes; aiohttp sends it when its handler returns."""
    body = response.body
    if not isinstance(body, bytes):
        raise TypeError("the body of this answer is a stream")
    _add_ours(response, request_id, host_id)
    return _whole(request, response, body)


async def _sent(request: web.BaseRequest, answer: web.StreamResponse) -> web.StreamResponse:
    await answer.prepare(request)
    await _end(request, answer)
    return answer


async def _end(request: web.BaseRequest, answer: web.StreamResponse) -> None:
    await answer.write_eof()
    if request.transport is None:
        # aiohttp tells nobody who waits for the last bytes to be taken.
        raise ConnectionResetError("the connection ended before the answer did")


def _add_ours(response: Response, request_id: str, host_id: str) -> None:
    headers = response.headers
    headers["x-amz-request-id"] = request_id
    headers["x-amz-id-2"] = host_id
    headers["Server"] = "S3front"
    headers["Date"] = _clock.text()


def _whole(request: web.BaseRequest, response: Response, body: bytes) -> web.StreamResponse:
    headers = response.headers
    if request.method == "HEAD" or response.status in {204, 304}:
        answer = web.Response(status=response.status, headers=headers)
        if response.status == 204:
            answer.headers.pop("Content-Length", None)
    else:
        answer = web.Response(status=response.status, headers=headers, body=body)
    if response.close:
        _close_after(answer)
    return answer


def _close_after(answer: web.StreamResponse) -> None:
    answer.force_close()
    # aiohttp says it in HTTP/1.1 only, and answers what it could not read in HTTP/1.0.
    answer.headers["Connection"] = "close"


async def _stream(request: web.BaseRequest, response: Response, body: Stream) -> web.StreamResponse:
    answer = web.StreamResponse(status=response.status, headers=response.headers)
    answer.content_length = body.length
    if response.close:
        _close_after(answer)
    await answer.prepare(request)
    if request.method != "HEAD":
        try:
            async for piece in body.chunks():
                await answer.write(piece)
        except ConnectionError:
            raise
        except Exception:
            # The head is sent: the only honest end is to cut the connection.
            if request.transport is not None:
                request.transport.abort()
            raise
    await _end(request, answer)
    return answer
