"""Aurora PostgreSQL: clusters of RDS with a real PostgreSQL behind them, and their Data API."""

from __future__ import annotations

from serverless_ai_local.admin import AdminRoutes
from serverless_ai_local.aws.api import Handler, Operations
from serverless_ai_local.aws.aurora.clusters import Clusters
from serverless_ai_local.aws.aurora.data_api import DataApi
from serverless_ai_local.postgres import Postgres


class Aurora:
    """`forward` hands a call to moto, which keeps the records of clusters and instances."""

    def __init__(self, postgres: Postgres, forward: Handler) -> None:
        self._clusters = Clusters(postgres, forward)
        self._data = DataApi(self._clusters)

    def operations(self) -> Operations:
        """See `api.Operations`."""
        return {**self._clusters.operations(), **self._data.operations()}

    def routes(self) -> AdminRoutes:
        """What can be asked of clusters under /_local/."""
        return self._clusters.routes()

    def stop(self) -> None:
        """End all sessions."""
        self._data.stop()
