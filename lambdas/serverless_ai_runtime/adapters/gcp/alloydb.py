"""AlloyDB on a private network: SQL over PostgreSQL's own protocol (pg8000), as the function's own account.

There is no password: the account's access token is one, and is asked for with the scope of a login to AlloyDB
only. The connection is encrypted; the server's certificate is not verified, as with PostgreSQL's
`sslmode=require`: it is of an authority that each cluster has for itself, and that is told to clients with a
key of their own only. Who could stand between on the private network would see a token that opens this
database and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from serverless_ai_runtime.adapters.pgvector import PgVector, Row, Value, sql_error
from serverless_ai_runtime.adapters.places import place_texts
from serverless_ai_runtime.adapters.service import TokenSource
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, TimedOut, Unavailable

if TYPE_CHECKING:
    from ssl import SSLContext

READ_PERMISSIONS: Final = ("alloydb.users.login", "serviceusage.services.use")
WRITE_PERMISSIONS: Final = READ_PERMISSIONS
"""IAM lets in; what a user may do is PostgreSQL's matter (IAM authentication of AlloyDB, from memory)."""
READERS: Final = "alloydbiamuser"
"""Role of every user that is an account: it may read what a writer has made."""
WRITERS: Final = "alloydbsuperuser"
"""Role that may add pgvector and make tables."""
SCOPE: Final = "https://www.googleapis.com/auth/alloydb.login"
SUFFIX: Final = ".gserviceaccount.com"
"""That a user's name has not and its account's has."""
PORT: Final = 5432
MOST_BYTES: Final = 8 * 1024 * 1024
CONNECT_S: Final = 10.0
MOST_SESSIONS: Final = 4
"""Of one instance of the function, which writes so many batches at the same time."""

_SERVICE: Final = "AlloyDB"
_LEAST_S: Final = 0.05


class Place(NamedTuple):
    """Where a table is."""

    host: str
    database: str

    def text(self) -> str:
        """As the configuration holds it."""
        return json.dumps(self._asdict())


def parse_place(text: str) -> Place:
    """The place that `Place.text` wrote; raises ValueError."""
    return Place(*place_texts(text, Place._fields, "AlloyDB"))


def alloydb(
    tokens: TokenSource, email: Callable[[Deadline], str], place: Place, index: str, dimension: int
) -> PgVector:
    """Entries in the table `index`; `email` tells the account that the function runs as."""
    return PgVector(Sessions(tokens, email, place), index, dimension, readers=READERS)


class Sessions:
    """`Sql` over as many sessions as there are statements at the same time."""

    most_bytes = MOST_BYTES

    def __init__(self, tokens: TokenSource, email: Callable[[Deadline], str], place: Place) -> None:
        self._make = partial(_Session, tokens, email, place)
        self._room = BoundedSemaphore(MOST_SESSIONS)
        self._idle: list[_Session] = []

    def execute(
        self, operation: str, sql: str, parameters: Mapping[str, Value], deadline: Deadline
    ) -> Sequence[Row]:
        if not self._room.acquire(timeout=deadline.remaining()):
            raise TimedOut(_SERVICE, operation, 0, "TimedOut", "other statements take too long")
        try:
            try:
                session = self._idle.pop()
            except IndexError:
                session = self._make()
            try:
                return session.execute(operation, sql, parameters, deadline)
            finally:
                self._idle.append(session)
        finally:
            self._room.release()

    def malformed(self, operation: str, what: str) -> Unavailable:
        return Unavailable(_SERVICE, operation, 200, "MalformedResponse", what)


class _Session:
    """One connection, which outlives the invocation and is made anew when it is lost."""

    def __init__(self, tokens: TokenSource, email: Callable[[Deadline], str], place: Place) -> None:
        self._tokens, self._email, self._place = tokens, email, place
        self._connection: Any = None
        self._context: SSLContext | None = None

    def execute(
        self, operation: str, sql: str, parameters: Mapping[str, Value], deadline: Deadline
    ) -> Sequence[Row]:
        reused = self._connection is not None
        try:
            return self._run(operation, sql, parameters, deadline)
        except Unavailable as error:
            # A connection that was closed while nobody used it: every statement may be repeated.
            if not reused or error.code != "ConnectionLost" or deadline.remaining() < _LEAST_S:
                raise
        return self._run(operation, sql, parameters, deadline)

    def _run(
        self, operation: str, sql: str, parameters: Mapping[str, Value], deadline: Deadline
    ) -> Sequence[Row]:
        import pg8000.native as pg8000  # pyright: ignore[reportMissingTypeStubs] - in the zip of this store only

        try:
            if self._connection is None:
                self._connection = self._connect(operation, pg8000, deadline)
            connection = self._connection
            connection._usock.settimeout(max(deadline.remaining(), _LEAST_S))
            return connection.run(sql, **parameters) or ()
        except pg8000.DatabaseError as error:
            raise self._refused(operation, error) from None
        except (pg8000.InterfaceError, OSError, EOFError) as error:
            self._drop()
            if deadline.remaining() < _LEAST_S or isinstance(error, TimeoutError):
                raise TimedOut(_SERVICE, operation, 0, "TimedOut", str(error) or "no answer") from error
            raise Unavailable(_SERVICE, operation, 0, "ConnectionLost", str(error)) from error

    def _connect(self, operation: str, pg8000: Any, deadline: Deadline) -> Any:
        email, token = self._email(deadline), self._tokens.get(SCOPE, deadline)
        try:
            return pg8000.Connection(
                email.removesuffix(SUFFIX),
                host=self._place.host,
                port=PORT,
                database=self._place.database,
                password=token,
                ssl_context=self._tls(),
                timeout=min(max(deadline.remaining(), _LEAST_S), CONNECT_S),
                tcp_keepalive=True,
            )
        except pg8000.DatabaseError:
            self._tokens.drop(SCOPE, token)  # for the next try, if it was that
            raise

    def _refused(self, operation: str, error: Exception) -> ServiceError:
        """pg8000's one argument is the fields of the server's message."""
        found: Any = error.args[0] if error.args else None
        fields = cast("Mapping[str, Any]", found if isinstance(found, dict) else {})
        refusal = sql_error(_SERVICE, operation, str(fields.get("C", "XX000")), str(fields.get("M", error)))
        if not isinstance(refusal, Refused):
            self._drop()
        return refusal

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            from contextlib import suppress

            with suppress(Exception):  # it is as gone as it can be
                connection.close()

    def _tls(self) -> SSLContext:
        if self._context is None:
            import ssl  # the dearest part of a cold start

            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        return self._context
