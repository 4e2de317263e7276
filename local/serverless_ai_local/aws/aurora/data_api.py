"""The Data API of Aurora: its operations over sessions of the real PostgreSQL behind a cluster.

The operations, their fields and errors are a fake; what runs the SQL is not. Arrays, formatted records, a
schema and type hints are refused by name.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from moto.secretsmanager.exceptions import SecretsManagerClientError
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.aurora.clusters import Cluster, Clusters
from serverless_ai_local.aws.aurora.fields import bound, fields, metadata
from serverless_ai_local.aws.calls import parameters, reply

MOST_REQUEST: Final = 4 * 1024 * 1024
MOST_RESPONSE: Final = 1024 * 1024
MOST_IDLE: Final = 4
"""Sessions that are kept for a cluster."""

_SERVICE: Final = "rds-data"
_KNOWN: Final = {
    "ExecuteStatement": (
        "sql",
        "parameters",
        "transactionId",
        "continueAfterTimeout",
        "includeResultMetadata",
    ),
    "BatchExecuteStatement": ("sql", "parameterSets", "transactionId"),
    "BeginTransaction": (),
    "CommitTransaction": ("transactionId",),
    "RollbackTransaction": ("transactionId",),
}
_ABOUT: Final = ("resourceArn", "secretArn", "database")


class DataApi:
    """Statements on the clusters, by whoever has their secret."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters
        self._lock = threading.Lock()
        self._idle: dict[str, list[Any]] = {}
        self._transactions: dict[str, tuple[str, Any]] = {}

    def operations(self) -> Operations:
        """See `api.Operations`."""
        handlers: dict[str, Handler] = {
            "ExecuteStatement": self._execute,
            "BatchExecuteStatement": self._batch,
            "BeginTransaction": self._begin,
            "CommitTransaction": self._end,
            "RollbackTransaction": self._end,
        }
        return {(_SERVICE, name): handler for name, handler in handlers.items()}

    def stop(self) -> None:
        """End all sessions."""
        with self._lock:
            sessions = [one for idle in self._idle.values() for one in idle]
            sessions += [session for _, session in self._transactions.values()]
            self._idle.clear()
            self._transactions.clear()
        for session in sessions:
            _close(session)

    def _execute(self, call: Call) -> Response:
        given, cluster = self._checked(call)
        rows, columns, count = self._run(cluster, given, [given.get("parameters") or ()])[0]
        body: dict[str, Any] = {"numberOfRecordsUpdated": 0 if columns else count, "generatedFields": []}
        if columns:
            body["records"] = [fields(row, columns) for row in rows]
            if given.get("includeResultMetadata"):
                body["columnMetadata"] = [metadata(column) for column in columns]
        response = reply(body)
        if len(response.get_data()) > MOST_RESPONSE:
            raise ApiError(
                "BadRequestException", "Database returned more than the allowed response size limit"
            )
        return response

    def _batch(self, call: Call) -> Response:
        given, cluster = self._checked(call)
        sets = given.get("parameterSets") or [()]
        self._run(cluster, given, sets)
        return reply({"updateResults": [{"generatedFields": []} for _ in sets]})

    def _begin(self, call: Call) -> Response:
        _, cluster = self._checked(call)
        session = self._session(cluster)
        session.run("BEGIN")
        name = uuid.uuid4().hex
        with self._lock:
            self._transactions[name] = (cluster.name, session)
        return reply({"transactionId": name})

    def _end(self, call: Call) -> Response:
        given, cluster = self._checked(call)
        commits = call.operation == "CommitTransaction"
        name, session = self._transaction(given["transactionId"], cluster)
        with self._lock:
            self._transactions.pop(name)
        session.run("COMMIT" if commits else "ROLLBACK")
        self._keep(cluster, session)
        status = "Transaction Committed" if commits else "Rollback Complete"
        return reply({"transactionStatus": status})

    def _run(
        self, cluster: Cluster, given: Mapping[str, Any], sets: Sequence[Sequence[Mapping[str, Any]]]
    ) -> list[tuple[list[list[Any]], list[Any], int]]:
        """Rows, columns and number of rows for each set of parameters, all in one transaction."""
        if given.get("transactionId"):
            return self._statements(self._transaction(given["transactionId"], cluster)[1], given["sql"], sets)
        session = self._session(cluster)
        try:
            if len(sets) == 1:
                results = self._statements(session, given["sql"], sets)
            else:
                session.run("BEGIN")
                results = self._statements(session, given["sql"], sets)
                session.run("COMMIT")
        except BaseException:
            _close(session)
            raise
        self._keep(cluster, session)
        return results

    def _statements(
        self, session: Any, sql: str, sets: Sequence[Sequence[Mapping[str, Any]]]
    ) -> list[tuple[list[list[Any]], list[Any], int]]:
        pg8000: Any = import_module("pg8000.native")
        results: list[tuple[list[list[Any]], list[Any], int]] = []
        for given in sets:
            values, types = bound(given)
            try:
                pg8000.to_statement(sql)[1](values)  # every parameter that the statement names is given
                # Prepared: a text of several statements is refused, as by the service.
                prepared = pg8000.PreparedStatement(session, sql, types)
                try:
                    rows = prepared.run(**values)
                    results.append((rows or [], prepared.columns or [], max(session.row_count or 0, 0)))
                finally:
                    prepared.close()
            except pg8000.DatabaseError as error:
                raise _database_error(error.args[0]) from error
            except pg8000.InterfaceError as error:
                raise ApiError("BadRequestException", str(error)) from error
        return results

    def _checked(self, call: Call) -> tuple[dict[str, Any], Cluster]:
        """What is asked and of which cluster, for somebody who has its secret."""
        if len(call.request.get_data()) > MOST_REQUEST:
            raise ApiError("BadRequestException", "Request size exceeds the limit of 4 MiB", 413)
        given = parameters(call)
        unknown = sorted(given.keys() - {*_ABOUT, *_KNOWN[call.operation]})
        if unknown:
            text = f"the local {call.operation} does not take {', '.join(unknown)}"
            raise ApiError("BadRequestException", text)
        arn = given["resourceArn"]
        cluster = self._clusters.find(arn)
        if cluster is None:
            raise ApiError("BadRequestException", f"there is no cluster {arn}")
        if not cluster.http:
            text = f"HttpEndpoint is not enabled for resource {arn}"
            raise ApiError("HttpEndpointNotEnabledException", text)
        _check_secret(call, given["secretArn"], cluster)
        if given.get("database", "postgres") not in cluster.databases:
            raise ApiError("DatabaseNotFoundException", f"there is no database {given['database']}", 404)
        self._check_awake(arn, cluster)
        return given, cluster

    def _check_awake(self, arn: str, cluster: Cluster) -> None:
        if not self._clusters.has_writer(arn):
            text = "The writer instance in the DB cluster isn't available."
            raise ApiError("DatabaseUnavailableException", text, 504)
        if self._clusters.resumed(cluster):
            text = (
                f"The Aurora DB instance {cluster.name} is resuming after being auto-paused. "
                "Please wait a few seconds and try again."
            )
            raise ApiError("DatabaseResumingException", text)

    def _session(self, cluster: Cluster) -> Any:
        with self._lock:
            idle = self._idle.setdefault(cluster.name, [])
            if idle:
                return idle.pop()
        return self._clusters.postgres.connection(cluster.name, cluster.name)

    def _keep(self, cluster: Cluster, session: Any) -> None:
        """For the next call, which finds nothing of what this one has set."""
        session.run("DISCARD ALL")
        with self._lock:
            idle = self._idle.setdefault(cluster.name, [])
            if len(idle) < MOST_IDLE:
                idle.append(session)
                return
        _close(session)

    def _transaction(self, name: str, cluster: Cluster) -> tuple[str, Any]:
        with self._lock:
            owner, session = self._transactions.get(name, ("", None))
        if owner != cluster.name:
            raise ApiError("TransactionNotFoundException", f"Transaction {name} is not found", 404)
        return name, session


def _check_secret(call: Call, arn: str, cluster: Cluster) -> None:
    backend = secretsmanager_backends[call.account][call.region]
    try:
        content: dict[str, Any] = json.loads(backend.get_secret_value(arn, "", "AWSCURRENT")["SecretString"])
    except SecretsManagerClientError as error:
        text = f"Secrets Manager can't read the secret {arn}: {error.message}"
        raise ApiError("SecretsErrorException", text) from error
    except (KeyError, ValueError):
        content = {}
    if (content.get("username"), content.get("password")) != (cluster.user, cluster.password):
        text = f'FATAL: password authentication failed for user "{content.get("username")}"; SQLState: 28P01'
        raise ApiError("DatabaseErrorException", text)


def _database_error(given: Mapping[str, str]) -> ApiError:
    """In the words of the Data API: the SQLSTATE stands in the message only."""
    parts = [f"{given.get('S', 'ERROR')}: {given.get('M', '')}"]
    parts += [f"Position: {given['P']}"] if "P" in given else []
    return ApiError("DatabaseErrorException", "; ".join((*parts, f"SQLState: {given.get('C', 'XX000')}")))


def _close(session: Any) -> None:
    with suppress(Exception):  # it is as gone as it can be
        session.close()
