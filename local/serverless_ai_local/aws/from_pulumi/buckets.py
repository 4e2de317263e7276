"""S3 buckets, their policies, and their settings, which Terraform makes apart."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi import existing
from serverless_ai_local.aws.from_pulumi.direct import Direct, setting
from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    Convert,
    Translation,
    apply,
    block,
    capital,
    document,
    each,
    only,
)
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.aws.resources.buckets import lifecycle
from serverless_ai_local.aws.resources.calls import MissingError, call, fitted
from serverless_ai_local.doors.pulumi.clouds import Live
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values
from serverless_ai_local.plain import is_mapping

BUCKET: Final = "AWS::S3::Bucket"


def _empty(context: Context, name: str, inputs: Values) -> None:
    """Everything in it, with all versions, if the program said that this may be lost."""
    if not inputs.get("forceDestroy"):
        return
    while True:
        try:
            page = call(context, "s3", "ListObjectVersions", {"Bucket": name})
        except MissingError:
            return
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if not found:
            return
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        call(context, "s3", "DeleteObjects", {"Bucket": name, "Delete": {"Objects": objects}})


def _encryption(value: Any) -> dict[str, Any]:
    rule = block(
        {
            "applyServerSideEncryptionByDefault": (
                "ServerSideEncryptionByDefault",
                block({"kmsMasterKeyId": "KMSMasterKeyID", "sseAlgorithm": "SSEAlgorithm"}),
            ),
            "bucketKeyEnabled": "BucketKeyEnabled",
        }
    )
    rules = value.get("rules") or [value["rule"]]
    return {"ServerSideEncryptionConfiguration": [rule(one) for one in rules]}


def _encryption_call(value: Any) -> dict[str, Any]:
    """The API's word for one of CloudFormation's."""
    rules = _encryption(value)["ServerSideEncryptionConfiguration"]
    said = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
    return {"Rules": [{said.get(key, key): item for key, item in rule.items()} for rule in rules]}


def _versioning(value: Any) -> dict[str, Any]:
    converted = apply({"enabled": "Enabled", "mfaDelete": (None, only(False))}, value)
    return {"Status": "Enabled" if converted.get("Enabled") else "Suspended"}


_cors: Final = each(
    block(
        {
            "allowedHeaders": "AllowedHeaders",
            "allowedMethods": "AllowedMethods",
            "allowedOrigins": "AllowedOrigins",
            "exposeHeaders": "ExposedHeaders",
            "maxAgeSeconds": "MaxAge",
        }
    )
)


def _cors_configuration(value: Any) -> dict[str, Any]:
    return {"CorsRules": _cors(value)}


ROWS: Final = (
    Translation(
        "aws:s3/bucket:Bucket",
        BUCKET,
        inputs={
            "bucket": "BucketName",
            "corsRules": ("CorsConfiguration", _cors_configuration),
            "forceDestroy": None,
            "objectLockEnabled": "ObjectLockEnabled",
            "serverSideEncryptionConfiguration": ("BucketEncryption", _encryption),
            "tags": TAG_LIST,
            "versioning": ("VersioningConfiguration", _versioning),
        },
        outputs={
            "arn": "{a[Arn]}",
            "bucketDomainName": "{a[DomainName]}",
            "bucketRegion": "{context.region}",
            "bucketRegionalDomainName": "{a[RegionalDomainName]}",
        },
        name=AutoName(input="bucket", limit=63, lower=True),
        before_delete=_empty,
        read=existing.bucket,
    ),
    Translation(
        "aws:s3/bucketPolicy:BucketPolicy",
        "AWS::S3::BucketPolicy",
        inputs={"bucket": "Bucket", "policy": ("PolicyDocument", document)},
        unique=("bucket",),
    ),
)


def _setting(
    token: str,
    *,
    inputs: tuple[str, ...],
    property_: str,
    put: str,
    parameter: str,
    delete: str | None,
    said: Convert,
    called: Convert | None = None,
    gone: Values | None = None,
) -> Direct:
    """A setting of a bucket. `said` makes CloudFormation's property, `called` the operation's parameter.

    It is taken away by the operation `delete`, or by `put` with the value `gone`.
    """

    def make(context: Context, given: Values) -> Live:
        value = (called or said)(_own(given))
        fitted(context, "s3", put, {"Bucket": given["bucket"], parameter: value}, token)
        return Live(id=given["bucket"])

    def remove(context: Context, live: Live, given: Values) -> None:
        if delete is not None:
            call(context, "s3", delete, {"Bucket": given["bucket"]})
        elif gone is not None:
            call(context, "s3", put, {"Bucket": given["bucket"], parameter: gone})

    def in_words_of_cloudformation(given: Values) -> Any:
        own = _own(given)
        return UNKNOWN if UNKNOWN in own.values() else said(own)

    return Direct(
        token,
        inputs=("bucket", *inputs),
        make=make,
        change=lambda context, live, given: make(context, given),
        remove=remove,
        fixed=("bucket",),
        unique=("bucket",),
        validate=in_words_of_cloudformation,
        part_of=setting(BUCKET, "BucketName", "bucket", property_, in_words_of_cloudformation),
    )


def _own(given: Values) -> dict[str, Any]:
    return {key: item for key, item in given.items() if key not in ("bucket", "region")}


_ownership: Final = block({"rule": ("Rules", lambda rule: [capital(rule)])})


def _version_status(value: Any) -> Any:
    return capital(value["versioningConfiguration"])


_NOT_TOLD: Final = "lambdaFunctions", "queues", "topics"


def _event_bridge(value: Any) -> dict[str, Any]:
    """Only EventBridge's switch, as for a bucket of CloudFormation's."""
    converted = apply(
        {"eventbridge": "EventBridgeEnabled", **{name: (None, only([])) for name in _NOT_TOLD}}, value
    )
    return {"EventBridgeConfiguration": converted} if converted.get("EventBridgeEnabled") else {}


def _event_bridge_call(value: Any) -> dict[str, Any]:
    """In the API's words its being there is what switches it on."""
    return {name: {} for name in _event_bridge(value)}


_LIFECYCLE_RULE: Final = block(
    {
        "abortIncompleteMultipartUpload": (
            "AbortIncompleteMultipartUpload",
            block({"daysAfterInitiation": "DaysAfterInitiation"}),
        ),
        "expiration": (
            "Expiration",
            block({"days": "ExpirationInDays", "expiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}),
        ),
        "filter": ("Filter", block({"prefix": "Prefix"})),
        "id": "Id",
        "noncurrentVersionExpiration": (
            "NoncurrentVersionExpiration",
            block({"noncurrentDays": "NoncurrentDays", "newerNoncurrentVersions": "NewerNoncurrentVersions"}),
        ),
        "status": ("Status", only("Enabled", "Disabled")),
    }
)


def _lifecycle(value: Any) -> dict[str, Any]:
    """CloudFormation says what expires, and the filter, in the rule itself."""
    converted = apply({"rules": ("Rules", each(_LIFECYCLE_RULE))}, value)
    return {"Rules": [_flat(rule) for rule in converted.get("Rules", [])]}


def _flat(rule: Any) -> Any:
    if not is_mapping(rule):
        return rule
    parts = [rule[name] for name in ("Expiration", "Filter") if is_mapping(rule.get(name))]
    rest = {name: item for name, item in rule.items() if name not in ("Expiration", "Filter")}
    return {**rest, **{name: item for part in parts for name, item in part.items()}}


def _lifecycle_call(value: Any) -> dict[str, Any]:
    return lifecycle(_lifecycle(value))


DIRECT: Final = (
    _setting(
        "aws:s3/bucketNotification:BucketNotification",
        inputs=("eventbridge", *_NOT_TOLD),
        property_="NotificationConfiguration",
        put="PutBucketNotificationConfiguration",
        parameter="NotificationConfiguration",
        delete=None,
        said=_event_bridge,
        called=_event_bridge_call,
        gone={},
    ),
    _setting(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        inputs=("rules",),
        property_="LifecycleConfiguration",
        put="PutBucketLifecycleConfiguration",
        parameter="LifecycleConfiguration",
        delete="DeleteBucketLifecycle",
        said=_lifecycle,
        called=_lifecycle_call,
    ),
    _setting(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        inputs=("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
        property_="PublicAccessBlockConfiguration",
        put="PutPublicAccessBlock",
        parameter="PublicAccessBlockConfiguration",
        delete="DeletePublicAccessBlock",
        said=capital,
    ),
    _setting(
        "aws:s3/bucketVersioning:BucketVersioning",
        inputs=("versioningConfiguration",),
        property_="VersioningConfiguration",
        put="PutBucketVersioning",
        parameter="VersioningConfiguration",
        # S3 cannot go back to never having had versions.
        delete=None,
        said=_version_status,
    ),
    _setting(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        inputs=("rules",),
        property_="BucketEncryption",
        put="PutBucketEncryption",
        parameter="ServerSideEncryptionConfiguration",
        delete="DeleteBucketEncryption",
        said=_encryption,
        called=_encryption_call,
    ),
    _setting(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        inputs=("rule",),
        property_="OwnershipControls",
        put="PutBucketOwnershipControls",
        parameter="OwnershipControls",
        delete="DeleteBucketOwnershipControls",
        said=_ownership,
    ),
)
