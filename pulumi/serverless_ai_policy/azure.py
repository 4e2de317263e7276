"""Rules for Azure: function apps, model accounts and their deployments, gateways, logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from serverless_ai_policy.checks import all_of, each_has, must_be, must_be_set
from serverless_ai_policy.rule import Each, Resource, Rule
from serverless_ai_policy.values import at, is_mapping, is_set, known, known_at, listed

APP: Final = "azure-native:web:WebApp"
ACCOUNT: Final = ("azure-native:cognitiveservices:Account",)
DEPLOYMENT: Final = ("azure-native:cognitiveservices:Deployment",)
API: Final = "azure-native:apimanagement:Api"
API_POLICY: Final = "azure-native:apimanagement:ApiPolicy"

FLEX_REFUSES: Final = (
    *("netFrameworkVersion", "linuxFxVersion", "windowsFxVersion", "javaVersion", "nodeVersion"),
    *("phpVersion", "powerShellVersion", "pythonVersion"),
    *("alwaysOn", "ftpsState", "functionsRuntimeScaleMonitoringEnabled", "use32BitWorkerProcess"),
)
"""Properties of a site that Flex Consumption refuses; SiteConfigArgs of the SDK fills some in. Sources:
https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations,
https://github.com/pulumi/pulumi-azure-native/issues/4168, microsoft/azure-pipelines-tasks issue 21032."""
FLEX_REFUSES_SETTINGS: Final = (
    *("FUNCTIONS_EXTENSION_VERSION", "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_WORKER_RUNTIME_VERSION"),
    *("WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "WEBSITE_CONTENTSHARE", "WEBSITE_RUN_FROM_PACKAGE"),
)
_TLS: Final = ("1.2", "1.3")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_INBOUND: Final = re.compile(r"<inbound>(.*)</inbound>", re.DOTALL)


def _settings(resource: Resource) -> dict[str, object]:
    path = "siteConfig.appSettings"
    listing = listed(at(resource.props, path), path)
    return {str(at(one, "name")): at(one, "value") for one in listing if is_mapping(one)}


def _flex_takes_it(resource: Resource) -> Iterator[str]:
    if not is_set(at(resource.props, "functionAppConfig")):
        return
    for name in FLEX_REFUSES:
        if at(resource.props, f"siteConfig.{name}") is not None:
            yield f"siteConfig.{name} stands beside functionAppConfig"
    for name in sorted(_settings(resource).keys() & set(FLEX_REFUSES_SETTINGS)):
        yield f"the app setting {name} stands beside functionAppConfig"


def _is_observed(resource: Resource) -> Iterator[str]:
    if not is_set(_settings(resource).get("APPLICATIONINSIGHTS_CONNECTION_STRING")):
        yield "the app has no APPLICATIONINSIGHTS_CONNECTION_STRING"


def _has_identity(resource: Resource) -> Iterator[str]:
    kind = known_at(resource.props, "identity.type")
    if not kind or kind == "None":
        yield "it has no identity"


def _inbound(resource: Resource) -> str:
    whole = _COMMENT.sub("", str(known_at(resource.props, "value")))
    found = _INBOUND.search(whole)
    return found[1] if found else ""


def _checks_and_counts(resource: Resource) -> Iterator[str]:
    inbound = _inbound(resource)
    if not re.search(r"<(validate-jwt|validate-azure-ad-token)\b", inbound):
        yield "no token is checked before a call goes on"
    if not re.search(r"<(rate-limit|rate-limit-by-key|llm-token-limit)\b", inbound):
        yield "no calls are counted before they go on"


def _only_https(resource: Resource) -> Iterator[str]:
    protocols = listed(resource.props.get("protocols"), "protocols")
    if not protocols or any(known(one, "protocols") not in ("https", "wss") for one in protocols):
        yield "the API answers plain HTTP"


def _blocks(resource: Resource) -> Iterator[str]:
    path = "properties.contentFilters"
    yield from must_be("properties.mode", "Blocking", "Default")(resource)
    attacks = False
    for one in listed(at(resource.props, path), path):
        acts = at(one, "enabled") is True and at(one, "blocking") is True
        attacks |= acts and at(one, "name") == "Jailbreak"
        if not acts:
            yield f"the filter {at(one, 'name')} of {at(one, 'source')} does not block"
    if not attacks:
        yield "nothing blocks attacks on the prompt"


RULES: Final = (
    Rule(
        id="azure-function-flex",
        reason="Flex Consumption refuses the whole app for one property of the older plans",
        mend="site_config as a plain dictionary of only what is needed; the rest is in function_app_config",
        looks=Each((APP,), _flex_takes_it),
    ),
    Rule(
        id="azure-function-tls",
        reason="Tokens and answers must not cross the network in the clear, nor under broken TLS",
        mend='https_only=True; site_config with min_tls_version and scm_min_tls_version "1.2"',
        looks=Each(
            (APP,),
            all_of(
                must_be("httpsOnly", True),
                must_be("siteConfig.minTlsVersion", *_TLS),
                must_be("siteConfig.scmMinTlsVersion", *_TLS),
            ),
        ),
        also=("CKV_AZURE_70", "CKV_AZURE_145"),
    ),
    Rule(
        id="azure-function-identity",
        reason="An app without an identity needs keys, which somebody must keep and change",
        mend="identity=ManagedServiceIdentityArgs(type=USER_ASSIGNED, user_assigned_identities=[...])",
        looks=Each((APP,), _has_identity),
        also=("CKV_AZURE_71",),
    ),
    Rule(
        id="azure-function-instances",
        reason="The number of instances is the last thing that bounds what a storm of calls costs",
        mend="function_app_config.scale_and_concurrency.maximum_instance_count",
        looks=Each((APP,), must_be_set("functionAppConfig.scaleAndConcurrency.maximumInstanceCount")),
    ),
    Rule(
        id="azure-function-tracing",
        reason="Without Application Insights a function leaves neither logs nor traces",
        mend="The app setting APPLICATIONINSIGHTS_CONNECTION_STRING=component.connection_string",
        looks=Each((APP,), _is_observed),
    ),
    Rule(
        id="azure-model-local-auth",
        reason="A key of the account passes every role, and the log says nobody's name",
        mend="properties.disable_local_auth=True; callers come with a token of Entra",
        looks=Each(ACCOUNT, must_be("properties.disableLocalAuth", True)),
        also=("AZR-000282", "CKV_AZURE_236"),
    ),
    Rule(
        id="azure-model-subdomain",
        reason="An account without its own subdomain takes keys only, and no token",
        mend="properties.custom_sub_domain_name",
        looks=Each(ACCOUNT, must_be_set("properties.customSubDomainName")),
    ),
    Rule(
        id="azure-model-identity",
        reason="The account's own calls (projects, keys of yours) need an identity",
        mend="identity=IdentityArgs(type=SYSTEM_ASSIGNED)",
        looks=Each(ACCOUNT, _has_identity),
        also=("Azure.AI.ManagedIdentity", "CKV_AZURE_238"),
    ),
    Rule(
        id="azure-model-version",
        reason="A model that changes by itself answers otherwise from one day to the next",
        mend='properties.model.version, and version_upgrade_option="NoAutoUpgrade"',
        looks=Each(
            DEPLOYMENT,
            all_of(
                must_be_set("properties.model.version"),
                must_be("properties.versionUpgradeOption", "NoAutoUpgrade"),
            ),
        ),
    ),
    Rule(
        id="azure-model-capacity",
        reason="The default capacity is 1 (thousand tokens a minute): the first questions are answered 429",
        mend="sku=SkuArgs(name=..., capacity=...)",
        looks=Each(DEPLOYMENT, must_be_set("sku.name", "sku.capacity")),
    ),
    Rule(
        id="azure-guardrail-blocks",
        reason="A policy that only notes what it finds lets it through",
        mend='mode="Blocking", and a filter Jailbreak of prompts that is enabled and blocking',
        looks=Each(("azure-native:cognitiveservices:RaiPolicy",), _blocks),
    ),
    Rule(
        id="azure-api-policy",
        reason="Whom an API lets in is said in its policy; without one that is everybody",
        mend="An ApiPolicy of the API",
        looks=each_has(API, (API_POLICY,), "apiId", "the API has no policy of its own"),
    ),
    Rule(
        id="azure-api-authorised",
        reason="Each call of a model costs money: callers are checked and counted before it",
        mend="validate-jwt and rate-limit in the policy's inbound section",
        looks=Each((API_POLICY,), _checks_and_counts),
    ),
    Rule(
        id="azure-api-subscription",
        reason="Calls without a subscription's key are not counted at all: rate-limit counts by subscription",
        mend="subscription_required=True",
        looks=Each((API,), must_be("subscriptionRequired", True)),
    ),
    Rule(
        id="azure-api-https",
        reason="Tokens must not cross the network in the clear",
        mend='protocols=["https"]',
        looks=Each((API,), _only_https),
        also=("Azure.APIM.HTTPEndpoint",),
    ),
    Rule(
        id="azure-log-retention",
        reason="How long prompts' traces are kept is for you to say",
        mend="retention_in_days of the workspace",
        looks=Each(("azure-native:operationalinsights:Workspace",), must_be_set("retentionInDays")),
    ),
    Rule(
        id="azure-insights-workspace",
        reason="A component without a workspace keeps its lines by a retention of its own",
        mend="workspace_resource_id=workspace.id",
        looks=Each(("azure-native:applicationinsights:Component",), must_be_set("workspaceResourceId")),
    ),
)
