"""Aurora PostgreSQL Serverless v2 over its Data API: SQL by HTTPS, without a driver and without a network.

The Data API runs every statement as the user of the secret. IAM has no narrower right than to run
statements, so that whoever may search may also write: a user that only reads would need a secret of its own,
which no resource type makes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.adapters.aws.service import Service
from serverless_ai_runtime.adapters.pgvector import PgVector, Row, Value, sql_error
from serverless_ai_runtime.adapters.places import place_texts
from serverless_ai_runtime.core.ports import Deadline, Refused, ServiceError, Unavailable
from serverless_ai_runtime.core.records import pause

READ_ACTIONS: Final = ("rds-data:ExecuteStatement",)
WRITE_ACTIONS: Final = READ_ACTIONS
"""On the cluster."""
SECRET_ACTIONS: Final = ("secretsmanager:GetSecretValue",)
"""On the secret, for both: the Data API reads it as the caller does (Security for RDS Data API)."""
KEY_SERVICES: Final = ("secretsmanager",)
"""That a customer's key is used through, when the secret is encrypted with one."""

SIGNING_NAME: Final = "rds-data"
MOST_BYTES: Final = 4 * 1024 * 1024 - 16_384
"""Of what a statement is given: a request may have 4 MiB, SQL, headers and JSON included. An answer may have
1 MiB. Both: RDS Data API, quotas in the API reference of ExecuteStatement and BatchExecuteStatement,
read 2026-11-27."""
RESUMING: Final = ("DatabaseResumingException", "DatabaseUnavailableException")
"""A cluster that was paused takes some 15 s to come back; each call is told to come again."""
RESUME_WAIT_S: Final = 2.0

_PATH: Final = "/Execute"
_STATE: Final = re.compile(r"SQLState:\s*([0-9A-Z]{5})\b")
_DATABASE_ERRORS: Final = ("DatabaseErrorException", "BadRequestException")
"""The latter is deprecated, and still there."""


class Place(NamedTuple):
    """Where a table is."""

    cluster: str
    """ARN."""
    secret: str
    """ARN."""
    database: str

    def text(self) -> str:
        """As the configuration holds it."""
        return json.dumps(self._asdict())


def parse_place(text: str) -> Place:
    """The place that `Place.text` wrote; raises ValueError."""
    return Place(*place_texts(text, Place._fields, "Aurora"))


def aurora(service: Service, place: Place, index: str, dimension: int) -> PgVector:
    """Entries in the table `index` of the cluster's database."""
    return PgVector(DataApi(service, place), index, dimension)


class DataApi:
    """`Sql` by ExecuteStatement."""

    def __init__(self, service: Service, place: Place) -> None:
        self._service = service
        self.most_bytes = MOST_BYTES
        self._about = {
            "resourceArn": place.cluster,
            "secretArn": place.secret,
            "database": place.database,
        }

    def execute(
        self, operation: str, sql: str, parameters: Mapping[str, Value], deadline: Deadline
    ) -> Sequence[Row]:
        payload = {**self._about, "sql": sql, "parameters": [_parameter(*one) for one in parameters.items()]}
        body = self._post(operation, payload, deadline)
        records: Any = body.get("records") or ()
        try:
            return [[_value(field) for field in record] for record in records]
        except (TypeError, ValueError) as error:
            raise self.malformed(operation, f"not records: {error}") from None

    def malformed(self, operation: str, what: str) -> Unavailable:
        return self._service.malformed(operation, what)

    def _post(self, operation: str, payload: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """The answer; a cluster that comes back from its pause is waited for."""
        attempt = 6  # from here on, `pause` is up to its longest
        while True:
            try:
                return self._service.post_rest(operation, _PATH, payload, deadline)
            except ServiceError as error:
                if error.code not in RESUMING:
                    raise _translated(error) from None
                if not pause(attempt, self._service.aws.world, deadline, RESUME_WAIT_S):
                    raise Unavailable(
                        error.service, operation, error.status, error.code, error.message
                    ) from None
            attempt += 1


def _translated(error: ServiceError) -> ServiceError:
    """The same, by its SQLSTATE if it has one: that is in the message only, after all else."""
    states = _STATE.findall(error.message) if error.code in _DATABASE_ERRORS else []
    if not states or not isinstance(error, Refused):
        return error
    return sql_error(error.service, error.operation, states[-1], error.message)


def _parameter(name: str, value: Value) -> dict[str, Any]:
    return {"name": name, "value": {"stringValue" if isinstance(value, str) else "longValue": value}}


def _value(field: object) -> Any:
    """The one value of a field's union."""
    if not isinstance(field, Mapping) or len(cast("Mapping[str, Any]", field)) != 1:
        raise TypeError("a field has not one value")
    [(kind, value)] = cast("Mapping[str, Any]", field).items()
    if kind not in ("stringValue", "longValue", "doubleValue", "isNull"):
        raise ValueError(f"a field of kind {kind}")
    return None if kind == "isNull" else value
