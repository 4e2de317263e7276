"""What answers: Foundry accounts, function apps, Event Grid topics, API Management."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.azure import place
from serverless_ai_local.azure.types.row import Making, Type, identity

FOUNDRY: Final = "Microsoft.CognitiveServices/accounts"
SITE: Final = "Microsoft.Web/sites"
TOPIC: Final = "Microsoft.EventGrid/topics"
SYSTEM_TOPIC: Final = "Microsoft.EventGrid/systemTopics"
HUB: Final = "Microsoft.Devices/IotHubs"
SEARCH: Final = "Microsoft.Search/searchServices"
GATEWAY: Final = "Microsoft.ApiManagement/service"


def _account(making: Making) -> Mapping[str, Any]:
    address = place.url(making.endpoint, place.FOUNDRY, making.name) + "/"
    return {
        "properties": {**making.inputs.get("properties", {}), "endpoint": address},
        "identity": identity(making),
    }


def _project(making: Making) -> Mapping[str, Any]:
    return {"identity": identity(making)}


def _app(making: Making) -> Mapping[str, Any]:
    address = place.url(making.endpoint, place.SITES, making.name)
    publishing = place.url(making.endpoint, place.PUBLISHING, making.name)
    # Where Azure has host names there are whole URLs here: one port serves them all.
    hosts = (("Standard", address), ("Repository", publishing))
    return {
        "defaultHostName": address,
        "hostNames": [address],
        "enabledHostNames": [address, publishing],
        "hostNameSslStates": [{"hostType": kind, "name": url, "sslState": "Disabled"} for kind, url in hosts],
        "identity": identity(making),
        "state": "Running",
        "siteConfig": None,
    }


def _topic(making: Making) -> Mapping[str, Any]:
    address = place.url(making.endpoint, place.EVENTS, making.name)
    return {
        "endpoint": f"{address}/api/events",
        "identity": identity(making),
        "provisioningState": "Succeeded",
    }


def _system_topic(making: Making) -> Mapping[str, Any]:
    return {"identity": identity(making), "provisioningState": "Succeeded"}


def _hub(making: Making) -> Mapping[str, Any]:
    # Where Azure has a host name there is a whole URL here: one port serves them all.
    address = place.url(making.endpoint, place.HUBS, making.name)
    given = making.inputs.get("properties", {})
    return {"properties": {**given, "hostName": address, "state": "Active"}}


def _search(making: Making) -> Mapping[str, Any]:
    return {
        "endpoint": place.url(making.endpoint, place.SEARCH, making.name),
        "provisioningState": "succeeded",
    }


def _gateway(making: Making) -> Mapping[str, Any]:
    return {
        "gatewayUrl": place.url(making.endpoint, place.GATEWAYS, making.name),
        "identity": identity(making),
        "provisioningState": "Succeeded",
    }


TYPES: Final = (
    Type(
        kind="cognitiveservices:Account",
        path=FOUNDRY,
        named_by="accountName",
        inputs=(
            "kind",
            "sku.name",
            "identity.type",
            "identity.userAssignedIdentities",
            "properties.allowProjectManagement",
            "properties.customSubDomainName",
            "properties.disableLocalAuth",
            "properties.encryption.*",
            "properties.publicNetworkAccess",
            "tags.*",
        ),
        fixed=("kind",),
        located=True,
        outputs=_account,
    ),
    Type(
        kind="cognitiveservices:RaiPolicy",
        path=f"{FOUNDRY}/{{accountName}}/raiPolicies",
        named_by="raiPolicyName",
        inputs=("properties.basePolicyName", "properties.mode", "properties.contentFilters.*", "tags.*"),
    ),
    Type(
        kind="cognitiveservices:Deployment",
        path=f"{FOUNDRY}/{{accountName}}/deployments",
        named_by="deploymentName",
        inputs=(
            "sku.name",
            "sku.capacity",
            "properties.model.format",
            "properties.model.name",
            "properties.model.version",
            "properties.raiPolicyName",
            "properties.versionUpgradeOption",
            "tags.*",
        ),
    ),
    Type(
        kind="cognitiveservices:Project",
        path=f"{FOUNDRY}/{{accountName}}/projects",
        named_by="projectName",
        inputs=("identity.type", "properties.displayName", "properties.description", "tags.*"),
        located=True,
        outputs=_project,
    ),
    Type(
        kind="web:AppServicePlan",
        path="Microsoft.Web/serverfarms",
        named_by="name",
        inputs=("kind", "reserved", "sku.name", "sku.tier", "tags.*"),
        fixed=("kind", "reserved"),
        located=True,
    ),
    Type(
        kind="web:WebApp",
        path=SITE,
        named_by="name",
        inputs=(
            "functionAppConfig.deployment.storage.*",
            "functionAppConfig.runtime.name",
            "functionAppConfig.runtime.version",
            "functionAppConfig.scaleAndConcurrency.*",
            "httpsOnly",
            "identity.type",
            "identity.userAssignedIdentities",
            "keyVaultReferenceIdentity",
            "kind",
            "serverFarmId",
            "siteConfig.appSettings.name",
            "siteConfig.appSettings.value",
            "siteConfig.minTlsVersion",
            "siteConfig.scmMinTlsVersion",
            "tags.*",
            "virtualNetworkSubnetId",
        ),
        fixed=("kind", "serverFarmId"),
        defaults={
            "clientAffinityEnabled": False,
            "hyperV": False,
            "isXenon": False,
            "scmSiteAlsoStopped": False,
        },
        located=True,
        outputs=_app,
    ),
    Type(
        kind="web:WebAppAuthSettingsV2",
        path=f"{SITE}/{{name}}/config",
        named_by="",
        fixed_name="authsettingsV2",
        inputs=(
            "globalValidation.requireAuthentication",
            "globalValidation.unauthenticatedClientAction",
            "httpSettings.requireHttps",
            "identityProviders.azureActiveDirectory.enabled",
            "identityProviders.azureActiveDirectory.registration.clientId",
            "identityProviders.azureActiveDirectory.registration.openIdIssuer",
            "identityProviders.azureActiveDirectory.validation.allowedAudiences",
            "identityProviders.customOpenIdConnectProviders.*",
            "login.tokenStore.enabled",
            "platform.enabled",
            "platform.runtimeVersion",
        ),
    ),
    Type(
        kind="web:WebAppScmAllowed",
        path=f"{SITE}/{{name}}/basicPublishingCredentialsPolicies",
        named_by="",
        fixed_name="scm",
        inputs=("allow",),
    ),
    Type(
        kind="eventgrid:Topic",
        path=TOPIC,
        named_by="topicName",
        inputs=(
            "dataResidencyBoundary",
            "disableLocalAuth",
            "identity.type",
            "identity.userAssignedIdentities",
            "inputSchema",
            "minimumTlsVersionAllowed",
            "publicNetworkAccess",
            "tags.*",
        ),
        fixed=("inputSchema",),
        located=True,
        outputs=_topic,
    ),
    Type(
        kind="eventgrid:TopicEventSubscription",
        path=f"{TOPIC}/{{topicName}}/eventSubscriptions",
        named_by="eventSubscriptionName",
        inputs=(
            "deadLetterWithResourceIdentity.*",
            "deliveryWithResourceIdentity.*",
            "eventDeliverySchema",
            "filter.*",
            "retryPolicy.*",
        ),
    ),
    Type(
        kind="eventgrid:SystemTopic",
        path=SYSTEM_TOPIC,
        named_by="systemTopicName",
        inputs=("identity.type", "identity.userAssignedIdentities", "source", "tags.*", "topicType"),
        fixed=("source", "topicType"),
        located=True,
        outputs=_system_topic,
    ),
    Type(
        kind="eventgrid:SystemTopicEventSubscription",
        path=f"{SYSTEM_TOPIC}/{{systemTopicName}}/eventSubscriptions",
        named_by="eventSubscriptionName",
        inputs=(
            "deadLetterWithResourceIdentity.*",
            "deliveryWithResourceIdentity.*",
            "eventDeliverySchema",
            "filter.*",
            "retryPolicy.*",
        ),
    ),
    Type(
        kind="iothub:IotHubResource",
        path=HUB,
        named_by="resourceName",
        inputs=(
            "properties.disableLocalAuth",
            "properties.minTlsVersion",
            "properties.routing.routes",
            "sku.capacity",
            "sku.name",
            "tags.*",
        ),
        located=True,
        outputs=_hub,
    ),
    Type(
        kind="search:Service",
        path=SEARCH,
        named_by="searchServiceName",
        inputs=("disableLocalAuth", "replicaCount", "semanticSearch", "sku.name", "tags.*"),
        fixed=("sku",),
        defaults={"hostingMode": "Default", "partitionCount": 1, "publicNetworkAccess": "Enabled"},
        located=True,
        outputs=_search,
    ),
    Type(
        kind="apimanagement:ApiManagementService",
        path=GATEWAY,
        named_by="serviceName",
        inputs=(
            "identity.type",
            "publisherEmail",
            "publisherName",
            "sku.capacity",
            "sku.name",
            "tags.*",
        ),
        defaults={
            "developerPortalStatus": "Enabled",
            "disableGateway": False,
            "enableClientCertificate": False,
            "legacyPortalStatus": "Enabled",
            "natGatewayState": "Disabled",
            "restore": False,
            "virtualNetworkType": "None",
        },
        located=True,
        outputs=_gateway,
    ),
    Type(
        kind="apimanagement:Api",
        path=f"{GATEWAY}/{{serviceName}}/apis",
        named_by="apiId",
        inputs=("displayName", "path", "protocols", "serviceUrl", "subscriptionRequired"),
    ),
    Type(
        kind="apimanagement:ApiOperation",
        path=f"{GATEWAY}/{{serviceName}}/apis/{{apiId}}/operations",
        named_by="operationId",
        inputs=("displayName", "method", "urlTemplate"),
    ),
    Type(
        kind="apimanagement:ApiPolicy",
        path=f"{GATEWAY}/{{serviceName}}/apis/{{apiId}}/policies",
        named_by="policyId",
        inputs=("format", "value"),
    ),
    Type(
        kind="apimanagement:Subscription",
        path=f"{GATEWAY}/{{serviceName}}/subscriptions",
        named_by="sid",
        inputs=("displayName", "scope", "state", "allowTracing"),
    ),
)
