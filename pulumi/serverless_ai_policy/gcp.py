"""Rules for Google Cloud: functions, gateways, buckets, databases, logs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from serverless_ai_policy.checks import each_has, must_be, must_be_chosen, must_be_set
from serverless_ai_policy.rule import Each, Finding, Resource, Rule, Stack, Whole
from serverless_ai_policy.values import at, is_list, is_mapping, known, listed

FUNCTION: Final = ("gcp:cloudfunctionsv2:Function",)
DATABASE: Final = "gcp:firestore:Database"

CHOSEN: Final[Mapping[str, tuple[str, ...]]] = {
    DATABASE: ("deleteProtectionState", "deletionPolicy"),
    "gcp:alloydb:Cluster": ("deletionProtection", "deletionPolicy"),
    "gcp:cloudrunv2:Job": ("deletionProtection",),
    "gcp:cloudrunv2:Service": ("deletionProtection",),
    "gcp:cloudrunv2:WorkerPool": ("deletionProtection",),
    "gcp:vectorsearch:Collection": ("deletionPolicy",),
    "gcp:workflows:Workflow": ("deletionProtection",),
}
"""Kind -> what says whether it goes with the stack. The provider's default is to keep it: by an error of
`pulumi destroy`, or by leaving it behind without a word."""
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch")


def _deletion_is_chosen(resource: Resource) -> Iterator[str]:
    yield from must_be_chosen(*CHOSEN[resource.kind])(resource)


def _routes_are_authorised(resource: Resource) -> Iterator[str]:
    for given in listed(resource.props.get("openapiDocuments"), "openapiDocuments"):
        spec = _openapi(known(at(given, "document.contents"), "openapiDocuments.document.contents"))
        paths = spec.get("paths")
        for path, operations in (paths if is_mapping(paths) else {}).items():
            for method in METHODS:
                operation = at(operations, method)
                if operation is not None and not _asks(at(operation, "security"), spec.get("security")):
                    yield f"{method.upper()} {path} is open to anyone"


def _openapi(contents: Any) -> dict[str, Any]:
    try:
        spec = yaml.safe_load(base64.b64decode(str(contents), validate=True))
    except (binascii.Error, yaml.YAMLError):
        spec = None
    if not is_mapping(spec):
        raise ValueError("openapiDocuments holds what is no OpenAPI document in base64")
    return spec


def _asks(own: Any, common: Any) -> bool:
    """Whether a route asks for a token: one of several ways is enough, and `{}` is a way without any."""
    ways = common if own is None else own
    return is_list(ways) and bool(ways) and all(is_mapping(way) and way for way in ways)


def _records_expire(stack: Stack) -> Iterator[Finding]:
    for database in stack.of(DATABASE):
        fields = stack.referring(database, "database", "gcp:firestore:Field")
        if not any(field.props.get("ttlConfig") is not None for field in fields):
            yield Finding(database, "no field of it says when a record goes")


RULES: Final = (
    Rule(
        id="gcp-function-instances",
        reason="The number of instances is the last thing that bounds what a storm of calls costs",
        mend="service_config.max_instance_count",
        looks=Each(FUNCTION, must_be_set("serviceConfig.maxInstanceCount")),
    ),
    Rule(
        id="gcp-gateway-authorised",
        reason="Each call of a model costs money: no route may be open",
        mend="security of the operation, or of the whole document, with a securityDefinition",
        looks=Each(("gcp:apigateway:ApiConfig",), _routes_are_authorised),
    ),
    Rule(
        id="gcp-gateway-account",
        reason="The gateway calls the function as the project's default account otherwise",
        mend="gateway_config.backend_config.google_service_account",
        looks=Each(
            ("gcp:apigateway:ApiConfig",), must_be_set("gatewayConfig.backendConfig.googleServiceAccount")
        ),
    ),
    Rule(
        id="gcp-bucket-public",
        reason="One grant by mistake shows a bucket to everybody",
        mend='public_access_prevention="enforced"',
        looks=Each(("gcp:storage:Bucket",), must_be("publicAccessPrevention", "enforced")),
        also=("CKV_GCP_114",),
    ),
    Rule(
        id="gcp-bucket-uniform",
        reason="Rights of single objects are seen nowhere, and no IAM policy takes them back",
        mend="uniform_bucket_level_access=True",
        looks=Each(("gcp:storage:Bucket",), must_be("uniformBucketLevelAccess", True)),
        also=("CKV_GCP_29",),
    ),
    Rule(
        id="gcp-database-recovery",
        reason="What a faulty program writes over is gone without it",
        mend='point_in_time_recovery_enablement="POINT_IN_TIME_RECOVERY_ENABLED"',
        looks=Each((DATABASE,), must_be("pointInTimeRecoveryEnablement", "POINT_IN_TIME_RECOVERY_ENABLED")),
    ),
    Rule(
        id="gcp-database-expiry",
        reason="Sessions and budgets are of use for a day; without a TTL they are kept and paid for",
        mend="A Field of the database with ttl_config",
        looks=Whole(_records_expire),
    ),
    Rule(
        id="gcp-deletion-chosen",
        reason="Whether data goes with its stack is decided, and not found out by `pulumi destroy`",
        mend="Set it in the program, to whatever it must be",
        looks=Each(tuple(CHOSEN), _deletion_is_chosen),
    ),
    Rule(
        id="gcp-log-retention",
        reason="How long prompts' traces are kept is for you to say",
        mend="retention_days of the bucket",
        looks=Each(("gcp:logging:ProjectBucketConfig",), must_be_set("retentionDays")),
    ),
    Rule(
        id="gcp-function-logs",
        reason="Lines go into the project's default bucket otherwise, with a retention of its own",
        mend="A ProjectSink whose destination is the log bucket",
        looks=each_has(
            "gcp:logging:ProjectBucketConfig",
            ("gcp:logging:ProjectSink",),
            "destination",
            "nothing is written into this bucket",
        ),
    ),
    Rule(
        id="gcp-service-kept",
        reason="An API that goes with one stack goes for everything else in the project",
        mend="disable_on_destroy=False",
        looks=Each(("gcp:projects:Service",), must_be("disableOnDestroy", False)),
    ),
)
