"""Clusters of Aurora PostgreSQL: records of moto, each with a database of the local PostgreSQL behind it.

In PostgreSQL the master user and the database have a name of the local cloud's own, by which clusters do not
disturb each other.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moto.rds.models import DBCluster, rds_backends
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.wrappers import Response

from serverless_ai_local.admin import AdminCall, AdminRoutes
from serverless_ai_local.aws.api import ApiError, Call, Handler, Operations
from serverless_ai_local.aws.calls import parameters
from serverless_ai_local.postgres import MissingError, Postgres

ENGINE: Final = "aurora-postgresql"
DEFAULT_DATABASE: Final = "postgres"
_ENDPOINT: Final = (
    '<{name}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><{name}Result><ResourceArn>{arn}'
    "</ResourceArn><HttpEndpointEnabled>{on}</HttpEndpointEnabled></{name}Result></{name}Response>"
)


@dataclass(slots=True)
class Cluster:
    """What stands behind a cluster."""

    name: str
    """Of role and database in PostgreSQL."""
    databases: frozenset[str]
    """Names that it is called by."""
    user: str
    password: str
    http: bool
    paused: bool = False


class Clusters:
    """`forward` hands a call to moto."""

    def __init__(self, postgres: Postgres, forward: Handler) -> None:
        self.postgres = postgres
        self._forward = forward
        self._lock = threading.Lock()
        self._by_arn: dict[str, Cluster] = {}

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {
            ("rds", "CreateDBCluster"): self._create,
            ("rds", "ModifyDBCluster"): self._modify,
            ("rds", "DeleteDBCluster"): self._delete,
            ("rds", "EnableHttpEndpoint"): self._switch,
            ("rds", "DisableHttpEndpoint"): self._switch,
        }

    def routes(self) -> AdminRoutes:
        """`POST rds/clusters/{name}/pause`: as after `SecondsUntilAutoPause` without a statement."""
        return {("POST", "rds/clusters/{name}/pause"): self._pause}

    def find(self, arn: str) -> Cluster | None:
        """The cluster of this ARN."""
        with self._lock:
            return self._by_arn.get(arn)

    def has_writer(self, arn: str) -> bool:
        """Whether an instance of the cluster runs."""
        _, _, _, region, account, *_ = arn.split(":")
        record = rds_backends[account][region].clusters.get(arn.rsplit(":", 1)[-1])
        return record is not None and bool(record.members)

    def resumed(self, cluster: Cluster) -> bool:
        """Whether it was paused; from now on it is not."""
        with self._lock:
            paused, cluster.paused = cluster.paused, False
        return paused

    def _create(self, call: Call) -> Response:
        given = parameters(call)
        if given.get("Engine") != ENGINE:
            return self._forward(call)
        if given["DBClusterIdentifier"] in rds_backends[call.account][call.region].clusters:
            text = f"DB cluster already exists: {given['DBClusterIdentifier']}"  # moto would replace it
            raise ApiError("DBClusterAlreadyExistsFault", text)
        self._check_scaling(given.get("ServerlessV2ScalingConfiguration"))
        response = self._forward(call)
        if response.status_code < 400:
            self._put_behind(_record(call, given), given)
            response = self._described(call, response)
        return response

    def _modify(self, call: Call) -> Response:
        given = parameters(call)
        self._check_scaling(given.get("ServerlessV2ScalingConfiguration"))
        record = _record(call, given)
        cluster = self.find(record.db_cluster_arn) if record is not None else None
        kept = getattr(record, "master_user_secret", None)
        response = self._forward(call)
        if record is not None and cluster is not None and response.status_code < 400:
            _keep_secret(record, kept, response)
            # Of Serverless v2 the Data API is switched by operations of its own, and this one leaves it.
            record._enable_http_endpoint = cluster.http  # pyright: ignore[reportPrivateUsage]
            cluster.password = given.get("MasterUserPassword", cluster.password)
        return response

    def _delete(self, call: Call) -> Response:
        record = _record(call, parameters(call))
        response = self._forward(call)
        if record is not None and response.status_code < 400:
            with self._lock:
                gone = self._by_arn.pop(record.db_cluster_arn, None)
            if gone is not None:
                self.postgres.drop(gone.name)
        return response

    def _switch(self, call: Call) -> Response:
        arn = parameters(call)["ResourceArn"]
        cluster, on = self.find(arn), call.operation == "EnableHttpEndpoint"
        if cluster is None:
            raise ApiError("ResourceNotFoundFault", f"there is no cluster {arn}", 404)
        cluster.http = on
        record = rds_backends[call.account][call.region].clusters[arn.rsplit(":", 1)[-1]]
        record._enable_http_endpoint = on  # pyright: ignore[reportPrivateUsage]
        body = _ENDPOINT.format(name=call.operation, arn=arn, on=str(on).lower())
        return Response(body, content_type="text/xml")

    def _pause(self, call: AdminCall) -> dict[str, Any]:
        name = call.path["name"]
        found = [one for arn, one in self._by_arn.items() if arn.rsplit(":", 1)[-1] == name]
        if not found:
            raise LookupError(f"there is no cluster {name}")
        found[0].paused = True
        return {"paused": name}

    def _put_behind(self, record: DBCluster | None, given: Mapping[str, Any]) -> None:
        assert record is not None
        name = record.db_cluster_resource_id.lower().replace("-", "_")
        try:
            self.postgres.create(name)
        except MissingError as error:
            rds_backends[record.account_id][record.region].clusters.pop(record.db_cluster_identifier)
            raise ApiError("InsufficientDBClusterCapacityFault", str(error)) from error
        cluster = Cluster(
            name=name,
            databases=frozenset((given.get("DatabaseName", DEFAULT_DATABASE), DEFAULT_DATABASE)),
            user=given.get("MasterUsername", ""),
            password=given.get("MasterUserPassword", "") or _managed_password(record),
            http=bool(given.get("EnableHttpEndpoint")),
        )
        record._enable_http_endpoint = cluster.http  # pyright: ignore[reportPrivateUsage]
        with self._lock:
            self._by_arn[record.db_cluster_arn] = cluster

    def _described(self, call: Call, response: Response) -> Response:
        """moto has written down before that the cluster has no Data API."""
        text = response.get_data(as_text=True)
        on = f"<HttpEndpointEnabled>{str(bool(parameters(call).get('EnableHttpEndpoint'))).lower()}<"
        response.set_data(text.replace("<HttpEndpointEnabled>false<", on))
        return response

    def _check_scaling(self, scaling: Mapping[str, Any] | None) -> None:
        if not scaling:
            return
        least, most = float(scaling.get("MinCapacity", 0.5)), float(scaling.get("MaxCapacity", 0))
        pause_s = scaling.get("SecondsUntilAutoPause")
        fits = 0 <= least <= most and 1 <= most <= 256 and not (least * 2) % 1 and not (most * 2) % 1
        if not fits:
            text = (
                "MinCapacity is 0 to 256, MaxCapacity 1 to 256, in steps of 0.5, the former not the greater"
            )
            raise ApiError("InvalidParameterValue", text)
        if pause_s is not None and (least > 0 or not 300 <= int(pause_s) <= 86_400):
            text = "SecondsUntilAutoPause is 300 to 86400, and only for clusters whose MinCapacity is 0"
            raise ApiError("InvalidParameterValue", text)


def _record(call: Call, given: Mapping[str, Any]) -> DBCluster | None:
    return rds_backends[call.account][call.region].clusters.get(given["DBClusterIdentifier"])


def _keep_secret(record: DBCluster, kept: Any, response: Response) -> None:
    """moto makes another secret for a cluster that is told once more to manage its password."""
    new = getattr(record, "master_user_secret", None)
    if kept is None or new is None or new is kept:
        return
    record.master_user_secret = kept
    new.delete_secret()
    text = response.get_data(as_text=True).replace(new.secret_arn, kept.secret_arn)
    response.set_data(text)


def _managed_password(record: DBCluster) -> str:
    """A password that is really one; moto's managed secrets all hold the same."""
    password = secrets.token_urlsafe(24)
    content = json.dumps({"username": record.master_username, "password": password})
    secretsmanager_backends[record.account_id][record.region].put_secret_value(
        secret_id=record.master_user_secret.secret.name,  # by its ARN moto would keep it twice
        secret_string=content,
        secret_binary="",
        client_request_token=None,  # pyright: ignore[reportArgumentType]
        version_stages=["AWSCURRENT"],
    )
    return password
