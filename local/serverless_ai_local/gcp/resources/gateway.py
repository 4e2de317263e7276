"""API Gateway: an API, its configurations, and the gateway that serves one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.gateway.document import DocumentError, read
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, found, nested

PATH: Final = "/_gcp/gateway"
"""Gateways are at this path, their region and their id."""


def _api(setting: Setting, inputs: Values) -> Values:
    host = f"{inputs['apiId']}.apigateway.{setting.project}.cloud.goog"
    return {
        "managedService": host,
        "name": f"projects/{setting.project}/locations/global/apis/{inputs['apiId']}",
    }


def _config(setting: Setting, inputs: Values) -> Values:
    ident = _config_id(setting, inputs)
    place = f"projects/{setting.project}/locations/global/apis/{inputs['api']}/configs/{ident}"
    return {"apiConfigId": ident, "name": place, "serviceConfigId": ident}


def _config_id(setting: Setting, inputs: Values) -> str:
    return str(inputs.get("apiConfigId") or f"{inputs.get('apiConfigIdPrefix', 'config-')}{setting.uid}")


def _check_config(setting: Setting, inputs: Values) -> None:
    found(setting, types.API, f"projects/{setting.project}/locations/global/apis/{inputs['api']}", "API")
    documents: Sequence[Any] = inputs.get("openapiDocuments") or ()
    if len(documents) != 1:
        raise ResourceError("openapi_documents must hold one document here")
    try:
        read(documents[0]["document"]["contents"])
    except DocumentError as error:
        raise ResourceError(f"openapi_documents[0]: {error}") from error


def _gateway(setting: Setting, inputs: Values) -> Values:
    region = inputs.get("region", setting.region)
    # A whole URL, where Google answers with a name: there is no certificate for this machine.
    host = f"{setting.url}{PATH}/{region}/{inputs['gatewayId']}"
    name = f"projects/{setting.project}/locations/{region}/gateways/{inputs['gatewayId']}"
    return {"region": region, "defaultHostname": host, "name": name}


def _check_gateway(setting: Setting, inputs: Values) -> None:
    found(setting, types.API_CONFIG, inputs["apiConfig"], "API config")


ROWS: Final = (
    Row(
        types.API,
        inputs=nested("apiId", "displayName", "managedService"),
        id="projects/{project}/locations/global/apis/{apiId}",
        outputs=_api,
        fixed=("apiId", "managedService"),
    ),
    Row(
        types.API_CONFIG,
        inputs={
            **nested("api", "apiConfigId", "apiConfigIdPrefix", "displayName"),
            "openapiDocuments": {"document": nested("path", "contents")},
            "gatewayConfig": {"backendConfig": nested("googleServiceAccount")},
        },
        id="projects/{project}/locations/global/apis/{api}/configs/{apiConfigId}",
        outputs=_config,
        fixed=None,
        check=_check_config,
    ),
    Row(
        types.GATEWAY,
        inputs=nested("gatewayId", "apiConfig", "region", "displayName"),
        id="projects/{project}/locations/{region}/gateways/{gatewayId}",
        outputs=_gateway,
        fixed=("gatewayId", "region"),
        check=_check_gateway,
    ),
)
