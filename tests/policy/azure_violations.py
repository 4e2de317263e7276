"""Deliberate violations of the rules for Azure: changes to what the component registers."""

from __future__ import annotations

GROUP = "/subscriptions/s/resourceGroups/g"
OWNER = (
    "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
)
CHECKED = '<validate-jwt header-name="Authorization" /><rate-limit calls="1" renewal-period="1" />'


def inbound(text):
    return f"<policies><inbound>{text}</inbound><backend /></policies>"


def without_setting(g, name):
    settings = g.find("WebApp").inputs["siteConfig"]["appSettings"]
    return g.set("WebApp", "siteConfig.appSettings", [one for one in settings if one["name"] != name])


def with_setting(g, name, value):
    settings = g.find("WebApp").inputs["siteConfig"]["appSettings"]
    return g.set("WebApp", "siteConfig.appSettings", [*settings, {"name": name, "value": value}])


def with_filter(g, **changed):
    filters = g.find("RaiPolicy").inputs["properties"]["contentFilters"]
    return g.set("RaiPolicy", "properties.contentFilters", [filters[0] | changed, *filters[1:]])


def as_made(g):
    """Queues as the provider answers for them, once they are made."""
    for use in ("events", "dead-letters", "results"):
        name = g.find("Queue", use).inputs["queueName"]
        g.unset("Queue", "queueName", use).find("Queue", use).inputs["name"] = name
    g.changed.clear()
    return g


VIOLATIONS = {
    "azure-function-flex": lambda g: g.set("WebApp", "siteConfig.netFrameworkVersion", "v4.6"),
    "azure-function-tls": lambda g: g.set("WebApp", "httpsOnly", False),
    "azure-function-identity": lambda g: g.unset("WebApp", "identity"),
    "azure-function-instances": lambda g: g.unset(
        "WebApp", "functionAppConfig.scaleAndConcurrency.maximumInstanceCount"
    ),
    "azure-function-tracing": lambda g: without_setting(g, "APPLICATIONINSIGHTS_CONNECTION_STRING"),
    "azure-model-local-auth": lambda g: g.unset("Account", "properties.disableLocalAuth"),
    "azure-model-subdomain": lambda g: g.unset("Account", "properties.customSubDomainName"),
    "azure-model-identity": lambda g: g.set("Account", "identity", {"type": "None"}),
    "azure-model-version": lambda g: g.unset("Deployment", "properties.model.version"),
    "azure-model-capacity": lambda g: g.unset("Deployment", "sku.capacity"),
    "azure-guardrail-blocks": lambda g: g.set("RaiPolicy", "properties.mode", "Asynchronous_filter"),
    "azure-api-policy": lambda g: g.drop("ApiPolicy"),
    "azure-api-authorised": lambda g: g.set("ApiPolicy", "value", inbound('<rate-limit calls="1" />')),
    "azure-api-subscription": lambda g: g.set("Api", "subscriptionRequired", False),
    "azure-api-https": lambda g: g.set("Api", "protocols", ["http", "https"]),
    "azure-log-retention": lambda g: g.unset("Workspace", "retentionInDays"),
    "azure-insights-workspace": lambda g: g.unset("Component", "workspaceResourceId"),
    "azure-function-authorised": lambda g: g.drop("WebAppAuthSettingsV2"),
    "azure-authentication-required": lambda g: g.set(
        "WebAppAuthSettingsV2", "globalValidation.unauthenticatedClientAction", "AllowAnonymous"
    ),
    "azure-function-publishing": lambda g: g.drop("WebAppScmAllowed"),
    "azure-publishing-passwords": lambda g: g.set("WebAppScmAllowed", "allow", True),
    "azure-role-scope": lambda g: g.set("RoleAssignment", "scope", GROUP),
    "azure-role-narrow": lambda g: g.set("RoleAssignment", "roleDefinitionId", OWNER, "may-call-model"),
    "azure-role-principal": lambda g: g.unset("RoleAssignment", "principalType"),
    "azure-records-scope": lambda g: g.set(
        "SqlResourceSqlRoleAssignment",
        "scope",
        f"{GROUP}/providers/Microsoft.DocumentDB/databaseAccounts/a",
    ),
    "azure-storage-local-auth": lambda g: g.set("StorageAccount", "allowSharedKeyAccess", True),
    "azure-storage-tls": lambda g: g.set("StorageAccount", "minimumTlsVersion", "TLS1_0"),
    "azure-storage-public": lambda g: g.unset("StorageAccount", "allowBlobPublicAccess"),
    "azure-container-public": lambda g: g.set("BlobContainer", "publicAccess", "Blob"),
    "azure-queue-dead-letters": lambda g: g.drop("Queue", "dead-letters"),
    "azure-records-local-auth": lambda g: g.set("DatabaseAccount", "disableLocalAuth", False),
    "azure-records-tls": lambda g: g.set("DatabaseAccount", "minimalTlsVersion", "Tls11"),
    "azure-records-recovery": lambda g: g.set("DatabaseAccount", "backupPolicy.type", "Periodic"),
    "azure-records-expiry": lambda g: g.unset("SqlResourceSqlContainer", "resource.defaultTtl"),
    "azure-vault-roles": lambda g: g.unset("Vault", "properties.enableRbacAuthorization"),
    "azure-vault-purge": lambda g: g.unset("Vault", "properties.enablePurgeProtection"),
    "azure-topic-local-auth": lambda g: g.set("Topic", "disableLocalAuth", False),
    "azure-topic-tls": lambda g: g.unset("Topic", "minimumTlsVersionAllowed"),
    "azure-subscription-dead-letters": lambda g: g.unset(
        "TopicEventSubscription", "deadLetterWithResourceIdentity"
    ),
    "azure-subscription-retries": lambda g: g.unset("TopicEventSubscription", "retryPolicy"),
    "azure-log-local-auth": lambda g: g.unset("Workspace", "features"),
}

MORE = {
    "a setting that Flex refuses": (
        lambda g: with_setting(g, "FUNCTIONS_WORKER_RUNTIME", "python"),
        "azure-function-flex",
        r"the app setting FUNCTIONS_WORKER_RUNTIME stands beside functionAppConfig",
    ),
    "old TLS for publishing": (
        lambda g: g.set("WebApp", "siteConfig.scmMinTlsVersion", "1.0"),
        "azure-function-tls",
        r"siteConfig\.scmMinTlsVersion is '1\.0' and must be '1\.2' or '1\.3'",
    ),
    "a model that upgrades itself": (
        lambda g: g.set("Deployment", "properties.versionUpgradeOption", "OnceNewDefaultVersionAvailable"),
        "azure-model-version",
        r"versionUpgradeOption is 'OnceNewDefaultVersionAvailable'",
    ),
    "a filter that only notes": (
        lambda g: with_filter(g, blocking=False),
        "azure-guardrail-blocks",
        r"the filter Hate of Prompt does not block",
    ),
    "no filter of attacks": (
        lambda g: g.set("RaiPolicy", "properties.contentFilters", []),
        "azure-guardrail-blocks",
        r"nothing blocks attacks on the prompt",
    ),
    "a check of tokens in a comment": (
        lambda g: g.set("ApiPolicy", "value", inbound(f"<!-- {CHECKED} -->")),
        "azure-api-authorised",
        r"no token is checked",
    ),
    "a check of tokens on the way out": (
        lambda g: g.set("ApiPolicy", "value", f"<policies><outbound>{CHECKED}</outbound></policies>"),
        "azure-api-authorised",
        r"no calls are counted",
    ),
    "a path that is open": (
        lambda g: g.set("WebAppAuthSettingsV2", "globalValidation.excludedPaths", ["/health"]),
        "azure-authentication-required",
        r"some paths are open",
    ),
    "authentication by nobody": (
        lambda g: g.set("WebAppAuthSettingsV2", "identityProviders", {}),
        "azure-authentication-required",
        r"no identity provider checks tokens",
    ),
    "a role on the subscription": (
        lambda g: g.set("RoleAssignment", "scope", "/subscriptions/s"),
        "azure-role-scope",
        r"holds on /subscriptions/s, and all that is in it",
    ),
    "local users of storage": (
        lambda g: g.unset("StorageAccount", "isLocalUserEnabled"),
        "azure-storage-local-auth",
        r"isLocalUserEnabled is not set",
    ),
    "a key of Application Insights": (
        lambda g: g.set("Component", "disableLocalAuth", False),
        "azure-log-local-auth",
        r"disableLocalAuth is false",
    ),
    "a queue that is made, without another for dead letters": (
        lambda g: as_made(g).drop("Queue", "dead-letters"),
        "azure-queue-dead-letters",
        r"there is no queue events-poison",
    ),
}

ALLOWED = {
    "queues that are made": as_made,
    "a policy that checks by Entra's own element": lambda g: g.set(
        "ApiPolicy", "value", inbound('<validate-azure-ad-token /><rate-limit-by-key calls="1" />')
    ),
    "the older form of dead letters": lambda g: g.set(
        "TopicEventSubscription", "deadLetterDestination", {"endpointType": "StorageBlob"}
    ).unset("TopicEventSubscription", "deadLetterWithResourceIdentity"),
    "newer TLS": lambda g: g.set("WebApp", "siteConfig.minTlsVersion", "1.3"),
}
