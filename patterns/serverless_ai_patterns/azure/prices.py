"""What each type of resource costs in a month without a call, on Azure: list prices in USD.

Free grants are per subscription and not per deployment: they are named, not subtracted. What is kept (the
package, records, logs) is paid by the gigabyte and comes to cents: it is named, not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from serverless_ai_patterns.aws.prices import HOURS, Idle, Price, UnpricedError

READ_ON: Final = "2026-11-24"
_LIST: Final = f"the service's price page, eastus; from memory on {READ_ON}, not compared with a price file"
_FLEX: Final = f"Azure Functions price page through modal.com, May 2025; read {READ_ON}"

METRIC_ALERT = Price(0.10, "time series of a metric alert a month; the first ten are free", _LIST)
LOG_ALERT = Price(0.50, "log alert asked every 15 minutes, a month", _LIST)
HUB_UNIT = Price(25.00, "unit of the size S1 of an IoT hub a month", _LIST)
_SEARCH: Final = f"Azure retail prices through infracost's tests of 2026-08-21; read {READ_ON}"
SEARCH_UNITS: Final = {
    "basic": Price(73.73, "unit of the tier Basic a month", _SEARCH),
    "standard": Price(245.28, "unit of the tier Standard S1 a month", f"from memory on {READ_ON}"),
}
"""A unit is a replica of a partition."""
ALWAYS_READY = Price(0.000004, "GB-second of an always ready instance", _FLEX)

Properties = Mapping[str, Any]


def idle(kind: str, properties: Properties) -> Idle:
    """Idle price of a resource of Pulumi type `kind`. Raises `UnpricedError` naming what has none."""
    if kind in FREE:
        return Idle(0.0, FREE[kind], _LIST)
    if kind not in _RULES:
        raise UnpricedError(
            f"no price is known for resource type {kind}; add it to azure/prices.py, free or not"
        )
    return _RULES[kind](properties)


_CONFIGURATION = "configuration: no charge"
FREE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "azure-native:apimanagement:Api",
            "azure-native:apimanagement:ApiOperation",
            "azure-native:apimanagement:ApiPolicy",
            "azure-native:apimanagement:Subscription",
            "azure-native:applicationinsights:Workbook",
            "azure-native:authorization:RoleAssignment",
            "azure-native:cognitiveservices:Project",
            "azure-native:cognitiveservices:RaiPolicy",
            "azure-native:cosmosdb:SqlResourceSqlRoleAssignment",
            "azure-native:managedidentity:UserAssignedIdentity",
            "azure-native:resources:ResourceGroup",
            "azure-native:storage:BlobContainer",
            "azure-native:storage:BlobServiceProperties",
            "azure-native:storage:ManagementPolicy",
            "azure-native:storage:Queue",
            "azure-native:web:WebAppAuthSettingsV2",
            "azure-native:web:WebAppScmAllowed",
            "pulumi-python:dynamic/azure:Package",
        ),
        _CONFIGURATION,
    ),
    "azure-native:applicationinsights:Component": "paid by the gigabyte, in its workspace",
    "azure-native:cosmosdb:SqlResourceSqlContainer": "paid by the request unit and the gigabyte kept",
    "azure-native:cosmosdb:SqlResourceSqlDatabase": "paid by the request unit and the gigabyte kept",
    "azure-native:eventgrid:SystemTopic": "paid by the operation",
    "azure-native:eventgrid:SystemTopicEventSubscription": "paid by the operation",
    "azure-native:eventgrid:Topic": "paid by the operation",
    "azure-native:eventgrid:TopicEventSubscription": "paid by the operation",
    "azure-native:keyvault:Secret": "paid by the operation",
    "azure-native:keyvault:Vault": "paid by the operation",
    "azure-native:operationalinsights:Workspace": "paid by the gigabyte written, and kept over 31 days",
    "azure-native:storage:StorageAccount": "paid by the gigabyte kept and by the operation",
}


def _plan(properties: Properties) -> Idle:
    return _only("azure-native:web:AppServicePlan", properties["sku"]["name"], {"FC1": "paid by the call"})


def _app(properties: Properties) -> Idle:
    scale = properties.get("functionAppConfig", {}).get("scaleAndConcurrency", {})
    ready = sum(int(group.get("instanceCount", 0)) for group in scale.get("alwaysReady", ()))
    if not ready:
        return Idle(0.0, "paid by the call and its duration", _FLEX)
    gigabytes = ready * scale["instanceMemoryMB"] / 1024
    why = f"{ready} instances kept ready, {gigabytes:g} GB"
    return Idle(gigabytes * HOURS * 3600 * ALWAYS_READY.usd, why, ALWAYS_READY.source)


def _account(properties: Properties) -> Idle:
    return _only(
        "azure-native:cognitiveservices:Account", properties["sku"]["name"], {"S0": "paid by the token"}
    )


def _deployment(properties: Properties) -> Idle:
    by_token: dict[str, str] = dict.fromkeys(
        ("GlobalStandard", "DataZoneStandard", "Standard"), "paid by the token"
    )
    return _only("azure-native:cognitiveservices:Deployment", properties["sku"]["name"], by_token)


def _cosmos(properties: Properties) -> Idle:
    capabilities = {each["name"] for each in properties.get("capabilities", ())}
    backup = cast("Properties", properties.get("backupPolicy", {})).get("continuousModeProperties", {})
    capacity = "serverless" if "EnableServerless" in capabilities else "provisioned"
    free = {"serverless, Continuous7Days": "paid by the request unit and the gigabyte kept"}
    return _only(
        "azure-native:cosmosdb:DatabaseAccount", f"{capacity}, {backup.get('tier', 'Continuous7Days')}", free
    )


def _gateway(properties: Properties) -> Idle:
    kind = "azure-native:apimanagement:ApiManagementService"
    return _only(kind, properties["sku"]["name"], {"Consumption": "paid by the call"})


def _hub(properties: Properties) -> Idle:
    sku = properties["sku"]
    if sku["name"] != "S1":
        raise UnpricedError(f"azure-native:iothub:IotHubResource has a known price as S1, not {sku['name']}")
    units = int(sku["capacity"])
    why = f"{units} {HUB_UNIT.unit}"
    return Idle(units * HUB_UNIT.usd, why, HUB_UNIT.source)


def _search(properties: Properties) -> Idle:
    kind, sku = "azure-native:search:Service", str(properties["sku"]["name"])
    if sku == "serverless":
        why = "a preview that is not billed yet, paid by the compute unit and the gigabyte once it is"
        return Idle(
            0.0, why, "learn.microsoft.com/azure/search/serverless-cost-optimization; read 2026-11-27"
        )
    if sku not in SEARCH_UNITS:
        raise UnpricedError(f"{kind} has a known price as {', '.join(SEARCH_UNITS)}, not as {sku}")
    price = SEARCH_UNITS[sku]
    units = int(properties.get("replicaCount", 1)) * int(properties.get("partitionCount", 1))
    return Idle(units * price.usd, f"{units} {price.unit}", price.source)


def _only(kind: str, variant: str, free: Mapping[str, str]) -> Idle:
    """A type of which only some variants cost nothing idle; the price of the others is not known here."""
    if variant in free:
        return Idle(0.0, free[variant], _LIST)
    raise UnpricedError(f"{kind} has a known price as {' or '.join(free)}, not as {variant}")


def _metric_alert(_: Properties) -> Idle:
    return Idle(METRIC_ALERT.usd, f"{METRIC_ALERT.usd:.2f} a {METRIC_ALERT.unit}", METRIC_ALERT.source)


def _log_alert(properties: Properties) -> Idle:
    every = properties["evaluationFrequency"]
    if every != "PT15M":
        raise UnpricedError(f"a log alert has a known price every PT15M, not every {every}")
    return Idle(LOG_ALERT.usd, f"{LOG_ALERT.usd:.2f} a {LOG_ALERT.unit}", LOG_ALERT.source)


_RULES: Final[Mapping[str, Callable[[Properties], Idle]]] = {
    "azure-native:apimanagement:ApiManagementService": _gateway,
    "azure-native:cognitiveservices:Account": _account,
    "azure-native:cognitiveservices:Deployment": _deployment,
    "azure-native:cosmosdb:DatabaseAccount": _cosmos,
    "azure-native:iothub:IotHubResource": _hub,
    "azure-native:monitor:MetricAlert": _metric_alert,
    "azure-native:monitor:ScheduledQueryRule": _log_alert,
    "azure-native:search:Service": _search,
    "azure-native:web:AppServicePlan": _plan,
    "azure-native:web:WebApp": _app,
}
