"""Cloud Run functions, what they are built from, and who may call them."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.resources.identities import grant
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, found, nested

PATH: Final = "/_gcp/run"
"""Functions are at this path, their region and their name."""


def _function(setting: Setting, inputs: Values) -> Values:
    name, location = inputs["name"], inputs["location"]
    url = f"{setting.url}{PATH}/{location}/{name}"
    place = f"projects/{setting.project}/locations/{location}"
    service = {**_SERVICE_DEFAULTS, **inputs.get("serviceConfig", {})}
    return {
        "serviceConfig": {**service, "uri": url, "gcfUri": "", "service": f"{place}/services/{name}"},
        "url": url,
        "state": "ACTIVE",
        "environment": "GEN_2",
    }


_SERVICE_DEFAULTS: Final = {
    "availableMemory": "256M",
    "timeoutSeconds": 60,
    "maxInstanceCount": 100,
    "maxInstanceRequestConcurrency": 1,
    "ingressSettings": "ALLOW_ALL",
    "allTrafficOnLatestRevision": True,
}


def _check(setting: Setting, inputs: Values) -> None:
    build, service = inputs.get("buildConfig", {}), inputs.get("serviceConfig", {})
    runtime = str(build.get("runtime"))
    if not runtime.startswith("python3"):
        raise ResourceError(f"build_config.runtime must be one of Python's here, got {runtime!r}")
    source = build.get("source", {}).get("storageSource", {})
    if not source.get("bucket") or not source.get("object"):
        raise ResourceError("build_config.source.storage_source must name a bucket and an object")
    found(setting, types.OBJECT, f"{source['bucket']}-{source['object']}", "the source object")
    email = service.get("serviceAccountEmail")
    if email is None:
        raise ResourceError("service_config.service_account_email: here is no default service account")
    found(setting, types.ACCOUNT, f"projects/{setting.project}/serviceAccounts/{email}", "service account")
    if service.get("ingressSettings", "ALLOW_ALL") != "ALLOW_ALL":
        raise ResourceError(
            "service_config.ingress_settings must be ALLOW_ALL: here is no network to be inside of"
        )
    plain, secrets = service.get("environmentVariables", {}), service.get("secretEnvironmentVariables", ())
    twice = [one["key"] for one in secrets if one["key"] in plain]
    if twice:
        raise ResourceError(f"{twice[0]} is in environment_variables and in secret_environment_variables")
    concurrency, cpu = service.get("maxInstanceRequestConcurrency", 1), service.get("availableCpu", "1")
    if concurrency > 1 and float(cpu) < 1:
        raise ResourceError(
            "Invalid value specified for cpu. Total cpu < 1 is not supported with concurrency > 1."
        )


def _object(setting: Setting, inputs: Values) -> Values:
    link = f"{setting.url}/storage/v1/b/{inputs['bucket']}/o/{inputs['name']}"
    return {"outputName": inputs["name"], "selfLink": link, "generation": 1}


def _object_check(setting: Setting, inputs: Values) -> None:
    found(setting, types.BUCKET, inputs["bucket"], "The specified bucket")


def _empty(registry: Registry, deployed: Deployed) -> None:
    objects = [one for one in registry.all(types.OBJECT) if one.inputs["bucket"] == deployed.inputs["name"]]
    if (objects or registry.filled(deployed)) and not deployed.inputs.get("forceDestroy"):
        raise ResourceError(f"bucket {deployed.id} holds objects, and force_destroy is not set")


ROWS: Final = (
    Row(
        types.BUCKET,
        inputs={
            **nested(
                "name", "location", "uniformBucketLevelAccess", "publicAccessPrevention", "forceDestroy"
            ),
            "encryption": nested("defaultKmsKeyName"),
            "softDeletePolicy": nested("retentionDurationSeconds"),
            "lifecycleRules": {"action": nested("type"), "condition": nested("age")},
        },
        id="{name}",
        outputs=lambda setting, inputs: {
            "url": f"gs://{inputs['name']}",
            "selfLink": f"{setting.url}/storage/v1/b/{inputs['name']}",
        },
        fixed=("name", "location"),
        auto="name",
        may_go=_empty,
        defaults={"storageClass": "STANDARD", "forceDestroy": False},
    ),
    grant(types.BUCKET_MEMBER, "bucket"),
    Row(
        types.OBJECT,
        inputs=nested("bucket", "name", "source", "content", "contentType"),
        id="{bucket}-{name}",
        outputs=_object,
        fixed=None,
        auto="name",
        auto_length=1024,
        check=_object_check,
    ),
    Row(
        types.REPOSITORY,
        inputs={
            **nested("repositoryId", "location", "format", "kmsKeyName", "description", "mode"),
            "cleanupPolicies": {
                **nested("id", "action"),
                "condition": nested("tagState", "olderThan", "newerThan", "tagPrefixes"),
                "mostRecentVersions": nested("keepCount"),
            },
        },
        id="projects/{project}/locations/{location}/repositories/{repositoryId}",
        outputs=lambda setting, inputs: {"name": inputs["repositoryId"]},
        fixed=("repositoryId", "location", "format", "kmsKeyName"),
    ),
    grant(types.REPOSITORY_MEMBER, "location", "repository"),
    Row(
        types.FUNCTION,
        inputs={
            **nested("name", "location", "description", "kmsKeyName"),
            "buildConfig": {
                **nested("runtime", "entryPoint", "serviceAccount", "dockerRepository"),
                "source": {"storageSource": nested("bucket", "object", "generation")},
            },
            "serviceConfig": {
                **nested("availableCpu", "availableMemory", "timeoutSeconds", "minInstanceCount"),
                **nested("maxInstanceCount", "maxInstanceRequestConcurrency", "ingressSettings"),
                **nested("allTrafficOnLatestRevision", "serviceAccountEmail", "environmentVariables"),
                "secretEnvironmentVariables": nested("key", "projectId", "secret", "version"),
                "directVpcEgress": None,
                "directVpcNetworkInterfaces": nested("network", "subnetwork", "tags"),
            },
        },
        id="projects/{project}/locations/{location}/functions/{name}",
        outputs=_function,
        fixed=("name", "location", "kmsKeyName"),
        auto="name",
        check=_check,
    ),
    grant(types.SERVICE_BINDING, "location", "name", many=True),
    grant(types.SERVICE_MEMBER, "location", "name"),
)
