"""How Azure is drawn: a role assignment tells which queue the function reads and which it writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serverless_ai_local.graph import Resource
from serverless_ai_local.pictures.sketch import (
    CALLER,
    HIDDEN,
    Arrow,
    Box,
    Cloud,
    Graph,
    Look,
    embedding_model,
    failed,
    watched,
)
from serverless_ai_patterns.azure.roles import USE_QUEUE
from serverless_ai_runtime.config import AZURE_DEAD_LETTERS, PREFIX

_APP, _GATEWAY = "azure-native:web:WebApp", "azure-native:apimanagement:ApiManagementService"
_QUEUE, _CONTAINER = "azure-native:storage:Queue", "azure-native:storage:BlobContainer"
_ACCOUNT, _MODEL = "azure-native:cognitiveservices:Account", "azure-native:cognitiveservices:Deployment"
_GUARDRAIL = "azure-native:cognitiveservices:RaiPolicy"
_RECORDS = "azure-native:cosmosdb:SqlResourceSqlContainer"
_TOPIC, _RULE = "azure-native:eventgrid:Topic", "azure-native:eventgrid:TopicEventSubscription"
_SYSTEM_TOPIC = "azure-native:eventgrid:SystemTopic"
_SYSTEM_RULE = "azure-native:eventgrid:SystemTopicEventSubscription"
_INSIGHTS = "azure-native:applicationinsights:Component"
_DASHBOARD = "azure-native:applicationinsights:Workbook"
_ALERTS = ("azure-native:monitor:MetricAlert", "azure-native:monitor:ScheduledQueryRule")
_GRANT = "azure-native:authorization:RoleAssignment"
_API = "azure-native:apimanagement:Api"
_HUB = "azure-native:iothub:IotHubResource"
_TIMER: Final = "timer"
_BLUE, _GREEN, _PURPLE, _ORANGE = "#0078d4", "#107c10", "#773adc", "#d83b01"


def _queue_name(graph: Graph, resource: Resource) -> str:
    return str(resource.properties["queueName"])


def _container_name(graph: Graph, resource: Resource) -> str:
    return str(resource.properties["containerName"])


def _model_name(graph: Graph, resource: Resource) -> str:
    return str(resource.properties["properties"]["model"]["name"])


def _holds(graph: Graph, resource: Resource) -> str:
    indexed = "vectorEmbeddingPolicy" in resource.properties["resource"]
    return "vectors" if indexed else "sessions, budgets, events seen"


def _app_name(graph: Graph, resource: Resource) -> str:
    """Of a pattern that has several."""
    return graph.short(resource) if len(list(graph.of(_APP))) > 1 else "Flex Consumption, Easy Auth"


_LOOKS: Final[Mapping[str, Look]] = {
    _GATEWAY: Look(label="API Management", colour=_PURPLE),
    _APP: Look(label="Function app", colour=_ORANGE, caption=_app_name),
    _MODEL: Look(label="Foundry deployment", colour=_GREEN, caption=_model_name),
    _GUARDRAIL: Look(label="Guardrail\nRAI policy", colour=_GREEN),
    _RECORDS: Look(label="Cosmos DB container", colour=_BLUE, caption=_holds),
    _QUEUE: Look(label="Storage queue", colour=_BLUE, caption=_queue_name),
    _CONTAINER: Look(label="Blob container", colour=_BLUE, joined=True, caption=_container_name),
    _TOPIC: Look(label="Event Grid topic", colour=_PURPLE),
    _HUB: Look(label="IoT hub", colour=_BLUE),
    _SYSTEM_TOPIC: Look(label="Event Grid system topic", colour=_PURPLE),
    _INSIGHTS: Look(label="Application Insights", colour=_PURPLE),
    _DASHBOARD: Look(label="Workbook", colour=_PURPLE),
    "azure-native:keyvault:Vault": Look(label="Key Vault", colour=_BLUE),
    _ALERTS[0]: Look(label="Metric alerts", colour=_PURPLE, grouped=True),
    _ALERTS[1]: Look(label="Log alerts", colour=_PURPLE, grouped=True),
    **dict.fromkeys(
        (
            _ACCOUNT,
            _API,
            _GRANT,
            _RULE,
            _SYSTEM_RULE,
            "azure-native:apimanagement:ApiOperation",
            "azure-native:apimanagement:ApiPolicy",
            "azure-native:apimanagement:Subscription",
            "azure-native:cognitiveservices:Project",
            "azure-native:cosmosdb:DatabaseAccount",
            "azure-native:cosmosdb:SqlResourceSqlDatabase",
            "azure-native:cosmosdb:SqlResourceSqlRoleAssignment",
            "azure-native:keyvault:Secret",
            "azure-native:managedidentity:UserAssignedIdentity",
            "azure-native:operationalinsights:Workspace",
            "azure-native:resources:ResourceGroup",
            "azure-native:storage:BlobServiceProperties",
            "azure-native:storage:StorageAccount",
            "azure-native:web:AppServicePlan",
            "azure-native:web:WebAppAuthSettingsV2",
            "azure-native:web:WebAppScmAllowed",
            "pulumi-python:dynamic/azure:Package",
        ),
        HIDDEN,
    ),
}


def _arrows(graph: Graph) -> Iterator[Arrow]:
    yield from _ways_in(graph)
    for app in graph.of(_APP):
        yield from _calls(graph, app)
    for model in graph.of(_MODEL):
        for policy in graph.others(model, _GUARDRAIL):
            yield Arrow(model.name, policy.name)
    for rule in graph.of(_RULE, _SYSTEM_RULE):
        for topic in graph.others(rule, _TOPIC, _SYSTEM_TOPIC):
            yield from _told(graph, topic, rule)
            yield from (Arrow(topic.name, queue.name, "filter") for queue in graph.others(rule, _QUEUE))
            yield from (failed(topic.name, one.name) for one in graph.others(rule, _CONTAINER))
    yield from _watchers(graph)
    for resource in graph.resources:
        if resource.type not in _LOOKS:
            yield from (Arrow(resource.name, other.name) for other in graph.others(resource))


def _ways_in(graph: Graph) -> Iterator[Arrow]:
    apps, gateways = list(graph.of(_APP)), list(graph.of(_GATEWAY))
    asked = [app for app in apps if _setting(app, "MODEL") and not _setting(app, "PROCESSOR")]
    path = "POST /ask\nPOST /search" if any(_setting(app, "TOP_K") for app in asked) else "POST /chat"
    for door in gateways or asked:
        yield Arrow(CALLER, door.name, path)
    for api in graph.of(_API):
        for gateway in graph.others(api, _GATEWAY):
            for app in graph.others(api, _APP):
                yield Arrow(gateway.name, app.name)


def _told(graph: Graph, topic: Resource, rule: Resource) -> Iterator[Arrow]:
    """From what a system topic tells of: a hub, or the containers that the rule lets through."""
    yield from (Arrow(hub.name, topic.name) for hub in graph.others(topic, _HUB))
    wanted = str(rule.properties.get("filter", ""))
    for container in graph.of(_CONTAINER):
        if f"/containers/{_container_name(graph, container)}/" in wanted:
            yield Arrow(container.name, topic.name)


def _calls(graph: Graph, app: Resource) -> Iterator[Arrow]:
    """What the app calls, and the queues that its identity may read or write."""
    for model in graph.others(app, _MODEL):
        yield Arrow(app.name, model.name, "chat completions")
    embeds = embedding_model(_setting(app, "INDEXES"))
    for model in graph.of(_MODEL):
        if model.properties["deploymentName"] == embeds:
            yield Arrow(app.name, model.name, "embeddings")
    for other in graph.others(app, _RECORDS, _INSIGHTS, "azure-native:keyvault:Vault"):
        yield Arrow(app.name, other.name)
    for grant in graph.others(app, _GRANT):
        for queue in graph.others(grant, _QUEUE):
            if grant.properties["roleDefinitionId"].endswith(USE_QUEUE.id):
                yield Arrow(queue.name, app.name, "queue trigger")
                if _schedule(app):
                    yield Arrow(_TIMER, queue.name)
            elif _queue_name(graph, queue).endswith(AZURE_DEAD_LETTERS):
                yield failed(app.name, queue.name)
            else:
                yield Arrow(app.name, queue.name)


def _watchers(graph: Graph) -> Iterator[Arrow]:
    models: dict[str, str] = {}
    for model in graph.of(_MODEL):
        for account in graph.others(model, _ACCOUNT):
            models.setdefault(account.name, model.name)
    for watcher in graph.of(*_ALERTS, _DASHBOARD):
        for other in graph.others(watcher):
            yield watched(models.get(other.name, other.name), watcher.name)


def _boxes(graph: Graph) -> Iterator[Box]:
    """A timer is part of the app: its settings say when."""
    for schedule in filter(None, map(_schedule, graph.of(_APP))):
        yield Box(_TIMER, f"Timer trigger\n{schedule}", _ORANGE)


def _schedule(app: Resource) -> str:
    return _setting(app, "SCHEDULE")


def _setting(app: Resource, name: str) -> str:
    settings: list[Mapping[str, Any]] = app.properties.get("siteConfig", {}).get("appSettings", [])
    return next((str(one["value"]) for one in settings if one["name"] == PREFIX + name), "")


CLOUD: Final = Cloud(looks=_LOOKS, caller="token of Entra", arrows=_arrows, boxes=_boxes)
