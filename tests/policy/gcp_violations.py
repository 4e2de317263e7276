"""Deliberate violations of the rules for Google Cloud: changes to what the component registers."""

from __future__ import annotations

import base64
import json


def contents(**document):
    text = json.dumps({"swagger": "2.0", **document})
    return [{"document": {"path": "o.json", "contents": base64.b64encode(text.encode()).decode()}}]


def documents(**document):
    return lambda g: g.set("ApiConfig", "openapiDocuments", contents(**document))


VIOLATIONS = {
    "gcp-function-instances": lambda g: g.unset("Function", "serviceConfig.maxInstanceCount"),
    "gcp-gateway-authorised": documents(paths={"/chat": {"post": {"operationId": "chat"}}}),
    "gcp-gateway-account": lambda g: g.unset("ApiConfig", "gatewayConfig"),
    "gcp-bucket-public": lambda g: g.set("Bucket", "publicAccessPrevention", "inherited"),
    "gcp-bucket-uniform": lambda g: g.unset("Bucket", "uniformBucketLevelAccess"),
    "gcp-database-recovery": lambda g: g.unset("Database", "pointInTimeRecoveryEnablement"),
    "gcp-database-expiry": lambda g: g.unset("Field", "ttlConfig", "expiry"),
    "gcp-deletion-chosen": lambda g: g.unset("Database", "deletionPolicy"),
    "gcp-log-retention": lambda g: g.unset("ProjectBucketConfig", "retentionDays"),
    "gcp-function-logs": lambda g: g.drop("ProjectSink"),
    "gcp-service-kept": lambda g: g.unset("Service", "disableOnDestroy"),
    "gcp-member-named": lambda g: g.set("ServiceIamBinding", "members", ["allUsers"]),
    "gcp-role-narrow": lambda g: g.set("TopicIAMMember", "role", "roles/pubsub.editor", "function-results"),
    "gcp-role-bounded": lambda g: g.unset("IAMMember", "condition", "build-source"),
    "gcp-role-additive": lambda g: g.add("gcp:projects/iAMPolicy:IAMPolicy", project="p", policyData="{}"),
    "gcp-custom-role": lambda g: g.set(
        "IAMCustomRole", "permissions", ["aiplatform.endpoints.predict", "iam.serviceAccounts.actAs"]
    ),
    "gcp-function-account": lambda g: g.unset("Function", "serviceConfig.serviceAccountEmail"),
    "gcp-secret-place": lambda g: g.set("Secret", "replication", {"auto": {}}),
    "gcp-secret-readable": lambda g: g.drop("SecretIamMember"),
    "gcp-no-account-key": lambda g: g.add("gcp:serviceaccount/key:Key", serviceAccountId="a"),
    "gcp-subscription-dead-letters": lambda g: g.unset("Subscription", "deadLetterPolicy", "-rule"),
    "gcp-dead-letters-kept": lambda g: g.drop("Subscription", "waiting"),
    "gcp-dead-letters-granted": lambda g: g.drop("SubscriptionIAMMember", "rule-agent"),
    "gcp-subscription-kept": lambda g: g.unset("Subscription", "expirationPolicy"),
    "gcp-push-authorised": lambda g: g.unset("Subscription", "pushConfig.oidcToken", "-rule"),
    "gcp-push-backoff": lambda g: g.unset("Subscription", "retryPolicy", "-rule"),
    "gcp-schedule-dead-letters": lambda g: g.unset("Job", "pubsubTarget").set(
        "Job", "httpTarget", {"uri": "https://f.example.com"}
    ),
    "gcp-schedule-retries": lambda g: g.unset("Job", "retryConfig"),
}

MORE = {
    "a route that asks for nothing": (
        documents(security=[{"jwt": []}], paths={"/chat": {"post": {"security": []}}}),
        "gcp-gateway-authorised",
        r"POST /chat is open to anyone",
    ),
    "a way in without a token beside one with it": (
        documents(paths={"/chat": {"get": {"security": [{"jwt": []}, {}]}}}),
        "gcp-gateway-authorised",
        r"GET /chat is open to anyone",
    ),
    "a document that cannot be read": (
        lambda g: g.set("ApiConfig", "openapiDocuments", [{"document": {"path": "o", "contents": "%%%"}}]),
        "gcp-gateway-authorised",
        r"no OpenAPI document in base64",
    ),
    "anyone with an account of Google's": (
        lambda g: g.set("TopicIAMMember", "member", "allAuthenticatedUsers"),
        "gcp-member-named",
        r"allAuthenticatedUsers is anyone",
    ),
    **{
        role: (
            lambda g, role=role: g.set("IAMMember", "role", role, "function-model"),
            "gcp-role-narrow",
            f"^{role} ",
        )
        for role in (
            "roles/owner",
            "roles/editor",
            "roles/viewer",
            "roles/aiplatform.user",
            "roles/aiplatform.admin",
            "roles/storage.objectAdmin",
            "roles/iam.securityAdmin",
            "roles/datastore.owner",
            "roles/secretmanager.admin",
            "roles/secretmanager.secretVersionManager",
        )
    },
    "the right to read every secret of the project": (
        lambda g: g.add(
            "gcp:projects/iAMMember:IAMMember",
            project="p",
            role="roles/secretmanager.secretAccessor",
            member="serviceAccount:a@p.iam.gserviceaccount.com",
        ),
        "gcp-role-bounded",
        r"^roles/secretmanager\.secretAccessor holds for everything in the project",
    ),
    "a right to give rights": (
        lambda g: g.set("IAMCustomRole", "permissions", ["resourcemanager.projects.setIamPolicy"]),
        "gcp-custom-role",
        r"setIamPolicy gives every other right",
    ),
    "the default account of Compute Engine": (
        lambda g: g.set(
            "Function", "serviceConfig.serviceAccountEmail", "42-compute@developer.gserviceaccount.com"
        ),
        "gcp-function-account",
        r"serviceConfig\.serviceAccountEmail is the project's default account",
    ),
    "a build as the default account": (
        lambda g: g.unset("Function", "buildConfig.serviceAccount"),
        "gcp-function-account",
        r"buildConfig\.serviceAccount is not set",
    ),
    "a topic of dead letters that Pub/Sub may not publish to": (
        lambda g: g.drop("TopicIAMMember", "dead-letters-agent"),
        "gcp-dead-letters-granted",
        r"may not publish to the topic for them: it lacks roles/pubsub\.publisher",
    ),
    "a push over plain HTTP": (
        lambda g: g.set("Subscription", "pushConfig.pushEndpoint", "http://f.example.com", "-rule"),
        "gcp-push-authorised",
        r"plain HTTP",
    ),
    "a subscription that ends": (
        lambda g: g.set("Subscription", "expirationPolicy.ttl", "2678400s"),
        "gcp-subscription-kept",
        r"expirationPolicy\.ttl is '2678400s' and must be ''",
    ),
    "a service whose deletion is the provider's choice": (
        lambda g: g.add(
            "gcp:cloudrunv2/service:Service",
            location="l",
            template={},
            deletionProtection=True,
            __defaults=["deletionProtection"],
        ),
        "gcp-deletion-chosen",
        r"deletionProtection is left to the provider's default",
    ),
}

ALLOWED = {
    "a document that asks on every route": documents(
        security=[{"jwt": []}], paths={"/chat": {"post": {"operationId": "chat"}}}
    ),
    "a database that is kept": lambda g: g.set(
        "Database", "deleteProtectionState", "DELETE_PROTECTION_ENABLED"
    ),
    "a role of one's own, whatever it is called": lambda g: g.set(
        "IAMMember", "role", "projects/p/roles/own_admin", "function-model"
    ),
}
