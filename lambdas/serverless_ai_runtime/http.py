"""One HTTP client for all adapters: keep-alive, and retries with full jitter that never pass the deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from serverless_ai_runtime.connection import ConnectFailed, Connection, connect
from serverless_ai_runtime.core.ports import (
    Deadline,
    Refused,
    ServiceError,
    Throttled,
    TimedOut,
    Unavailable,
    World,
)

if TYPE_CHECKING:
    from ssl import SSLContext

MAX_ATTEMPTS: Final = 4
"""First try and three more, as the official SDKs do; whoever calls us retries as well."""
FIRST_WAIT_S: Final = 0.2
LONGEST_WAIT_S: Final = 5.0
MAX_RESPONSE_BYTES: Final = 8 * 1024 * 1024
MAX_IDLE_S: Final = 60.0
"""A connection idle for longer is not used again: balancers and NAT drop idle ones, some without a word."""
_MIN_ATTEMPT_S: Final = 0.05
"""Less time than this is not worth another attempt."""
_CHUNK: Final = 65_536


class Request(NamedTuple):
    """One call of a service; `headers` are made anew for each attempt, so that its signature is fresh."""

    service: str
    operation: str
    method: str
    url: str
    body: bytes
    headers: Callable[[], Mapping[str, str]]
    attempt_s: float = 0.0
    """Most seconds one attempt may take; 0 = until the deadline."""
    repeatable: bool = True
    """Whether it may be sent again when an earlier attempt may have arrived."""


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """Names in lower case; of a repeated header the last."""
    body: bytes


class Stream(NamedTuple):
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


Judge = Callable[[Response], ServiceError | None]
"""What a response means: an error, with the wait that its body asks for, or None for success."""
_T = TypeVar("_T")


class _TooLarge(Exception):
    pass


class HttpClient:
    """Safe to share between threads. Connections outlive the call, and the invocation of a warm function."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self._world, self._clock = world, clock
        self._idle: dict[str, list[Connection]] = {}
        self._context: SSLContext | None = None

    def send(self, request: Request, judge: Judge, deadline: Deadline) -> Response:
        """The successful response. Raises the error that `judge` sees, `Unavailable` or `TimedOut`."""
        return self._retry(request, deadline, lambda exchange: exchange.judged(judge))

    def stream(self, request: Request, judge: Judge, deadline: Deadline) -> Stream:
        """As `send`, but hands the body on as it comes. What fails in mid-body is raised and not retried."""

        def begun(exchange: _Exchange) -> Stream:
            if exchange.status >= 300:
                exchange.judged(judge)
            return Stream(exchange.headers, _translated(exchange, request, deadline))

        return self._retry(request, deadline, begun)

    def _retry(self, request: Request, deadline: Deadline, finish: Callable[[_Exchange], _T]) -> _T:
        attempt = 1
        while True:
            try:
                return finish(self._exchange(request, _attempt_deadline(request, deadline)))
            except ServiceError as error:
                failure, arrived = error, not isinstance(error, Throttled)
            except (OSError, HTTPException, ValueError, _TooLarge) as error:
                failure, arrived = _broken(request, error, deadline), not isinstance(error, ConnectFailed)
            wait = max(failure.retry_after_s, self._jitter(attempt))
            may = failure.retryable and (request.repeatable or not arrived)
            if not may or attempt == MAX_ATTEMPTS or wait + _MIN_ATTEMPT_S >= deadline.remaining():
                raise failure
            self._world.sleep(wait)
            attempt += 1

    def _jitter(self, attempt: int) -> float:
        return self._world.random() * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1))

    def _exchange(self, request: Request, deadline: Deadline) -> _Exchange:
        """Ask over an idle connection or a new one; one that was closed while idle is replaced at once."""
        url = urlsplit(request.url)
        idle = self._idle.setdefault(f"{url.scheme}://{url.netloc}", [])
        connection = self._reusable(idle)
        if connection is not None:
            try:
                return self._ask(connection, request, url, deadline, idle)
            except (OSError, HTTPException) as error:
                if connection.answered or isinstance(error, TimeoutError) or not request.repeatable:
                    raise
        return self._ask(connect(url, deadline, self._tls), request, url, deadline, idle)

    def _ask(
        self,
        connection: Connection,
        request: Request,
        url: SplitResult,
        deadline: Deadline,
        idle: list[Connection],
    ) -> _Exchange:
        def keep() -> None:
            connection.idle_since = self._clock()
            idle.append(connection)

        try:
            response = connection.ask(request.method, _head(request, url) + request.body, deadline)
        except BaseException:
            connection.close()
            raise
        return _Exchange(connection, response, keep)

    def _reusable(self, idle: list[Connection]) -> Connection | None:
        while True:
            try:
                connection = idle.pop()
            except IndexError:  # checked this way because another thread may be as fast
                return None
            if self._clock() - connection.idle_since < MAX_IDLE_S:
                return connection
            connection.close()

    def _tls(self) -> SSLContext:
        if self._context is None:
            import ssl  # reading the trust store is the dearest part of a cold start

            self._context = ssl.create_default_context()
        return self._context


class _Exchange:
    """A response whose body is still to be read; the connection is kept or closed when it has been."""

    def __init__(self, connection: Connection, response: HTTPResponse, keep: Callable[[], None]) -> None:
        self._connection, self._response, self._keep = connection, response, keep
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    def judged(self, judge: Judge) -> Response:
        """The whole response, if `judge` finds no error in it."""
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > MAX_RESPONSE_BYTES:
                self._connection.close()
                raise _TooLarge(f"the response has more than {MAX_RESPONSE_BYTES} bytes")
        response = Response(self.status, self.headers, bytes(body))
        error = judge(response)
        if error is not None:
            error.retry_after_s = max(error.retry_after_s, _retry_after(self.headers))
            raise error
        return response

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises `OSError`, `HTTPException`."""
        response, complete = self._response, False
        try:
            while response.length != 0 and (chunk := response.read1(_CHUNK)):
                yield chunk
            if response.length:
                raise IncompleteRead(b"", response.length)
            complete = True
        finally:
            response.close()
            if complete and not response.will_close:
                self._keep()
            else:
                self._connection.close()


def _translated(exchange: _Exchange, request: Request, deadline: Deadline) -> Iterator[bytes]:
    try:
        yield from exchange.chunks()
    except (OSError, HTTPException, ValueError) as error:
        raise _broken(request, error, deadline) from error


def _attempt_deadline(request: Request, deadline: Deadline) -> Deadline:
    if not request.attempt_s:
        return deadline
    return deadline.minus(deadline.remaining() - min(request.attempt_s, deadline.remaining()))


def _broken(request: Request, error: Exception, deadline: Deadline) -> ServiceError:
    kind = TimedOut if deadline.remaining() <= _MIN_ATTEMPT_S else Unavailable
    failure = kind(
        request.service, request.operation, 0, type(error).__name__, str(error) or "connection lost"
    )
    if isinstance(error, _TooLarge):
        failure.retryable = False
    failure.__cause__ = error
    return failure


def _head(request: Request, url: SplitResult) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers().items()]
    lines += [f"content-length: {len(request.body)}"]
    head = "\r\n".join(lines)
    if not head.isascii() or head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        text = "a header or the path holds a line break or a character that is not ASCII"
        raise Refused(request.service, request.operation, 0, "InvalidRequest", text)
    return head.encode() + b"\r\n\r\n"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to wait, in any of the usual forms; 0.0 if it does not say."""
    try:
        for name in ("retry-after-ms", "x-ms-retry-after-ms"):
            if name in headers:
                return max(0.0, float(headers[name]) / 1000)
        value = headers.get("retry-after", "0")
        return max(0.0, float(value)) if value.strip().isdigit() else _until(value)
    except (ValueError, OverflowError):
        return 0.0


def _until(date: str) -> float:
    from email.utils import parsedate_to_datetime  # rare

    return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
