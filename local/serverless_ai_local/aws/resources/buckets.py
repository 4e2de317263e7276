"""S3 buckets and their policies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging, as_list

_BUCKET: Final = "AWS::S3::Bucket"
_RULE_KEYS: Final = {"Id": "ID", "Status": "Status"}


def _setting(
    property_: str,
    put: str,
    parameter: str,
    delete: str | None,
    convert: Callable[[Any], Any] = lambda value: value,
) -> Facet:
    """One property that one call sets and another takes away."""

    def apply(context: Context, made: Made, old: Properties, new: Properties) -> None:
        about = {"Bucket": made.physical_id}
        if property_ in new:
            parameters = about | {parameter: convert(new[property_])}
            fitted(context, "s3", put, parameters, f"{_BUCKET}.{property_}")
        elif delete is None:
            raise ResourceError(
                f"{_BUCKET}.{property_} cannot be taken away; give the value that it shall have"
            )
        else:
            call(context, "s3", delete, about)

    return Facet(properties=frozenset({property_}), apply=apply)


def _acl(value: Any) -> str:
    """`LogDeliveryWrite` -> `log-delivery-write`."""
    return re.sub(r"(?<!^)([A-Z])", r"-\1", str(value)).lower()


def _encryption(value: Any) -> Any:
    rules = [
        {
            ("ApplyServerSideEncryptionByDefault" if k == "ServerSideEncryptionByDefault" else k): v
            for k, v in r.items()
        }
        for r in value.get("ServerSideEncryptionConfiguration", [])
    ]
    return {"Rules": rules}


def lifecycle(value: Any) -> Any:
    """`LifecycleConfiguration` as the API takes it."""
    return {"Rules": [_lifecycle_rule(rule) for rule in value.get("Rules", [])]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's rule in the API's words; a key that neither knows is refused when it is fitted."""
    given = dict(rule)
    tags, prefix = given.pop("TagFilters", []), given.pop("Prefix", "")
    converted: dict[str, Any] = {_RULE_KEYS[key]: given.pop(key) for key in list(given) if key in _RULE_KEYS}
    converted["Filter"] = {"And": {"Prefix": prefix, "Tags": tags}} if tags else {"Prefix": prefix}
    expiration = {
        api: given.pop(key)
        for key, api in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if key in given
    }
    if expiration:
        converted["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in given:
        days = given.pop("NoncurrentVersionExpirationInDays")
        converted["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    transitions = given.pop("Transitions", [])
    if transitions:
        names = {"TransitionInDays": "Days", "TransitionDate": "Date"}
        converted["Transitions"] = [{names.get(k, k): v for k, v in t.items()} for t in transitions]
    return {**converted, **given}


def _event_bridge(value: Any) -> dict[str, Any]:
    """Only EventBridge's switch: notifications to queues, topics and functions are not offered."""
    other = value.keys() - {"EventBridgeConfiguration"}
    if other:
        raise ResourceError(
            f"{_BUCKET}.NotificationConfiguration: the local cloud only has EventBridgeConfiguration, "
            f"got {', '.join(sorted(other))}"
        )
    on = value.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled", True)
    return {"EventBridgeConfiguration": {}} if on in {True, "true"} else {}


def _notifications(context: Context, made: Made, old: Properties, new: Properties) -> None:
    given = new.get("NotificationConfiguration")
    value = {} if given is None else _event_bridge(given)
    parameters = {"Bucket": made.physical_id, "NotificationConfiguration": value}
    call(context, "s3", "PutBucketNotificationConfiguration", parameters)


class BucketTagging(Tagging):
    """A bucket's tags are set all at once."""

    __slots__ = ()

    def change(
        self, context: Context, service: str, target: str, old: Mapping[str, str], new: Mapping[str, str]
    ) -> None:
        """Put what is wanted, or take all away."""
        if new:
            tagging = {"Bucket": target, "Tagging": {"TagSet": as_list(new)}}
            call(context, service, "PutBucketTagging", tagging)
        elif old:
            call(context, service, "DeleteBucketTagging", {"Bucket": target})


def _location(context: Context) -> dict[str, Any]:
    """us-east-1 is the one region that must not be named."""
    if context.region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": context.region}}


_DOMAIN: Final = "{p[BucketName]}.s3.amazonaws.com"

KINDS: Final = (
    Kind(
        type=_BUCKET,
        service="s3",
        create_call=Call("CreateBucket", more=_location),
        delete_call=Call("DeleteBucket", {"Bucket": "{id}"}),
        read_call=Call("GetBucketLocation", {"Bucket": "{p[BucketName]}"}),
        overwrites=True,
        ref="{p[BucketName]}",
        attributes={
            "Arn": "arn:aws:s3:::{p[BucketName]}",
            "DomainName": _DOMAIN,
            "DualStackDomainName": "{p[BucketName]}.s3.dualstack.{context.region}.amazonaws.com",
            "RegionalDomainName": "{p[BucketName]}.s3.{context.region}.amazonaws.com",
            "WebsiteURL": "http://{p[BucketName]}.s3-website-{context.region}.amazonaws.com",
        },
        name=Name(property="BucketName", limit=63, lower=True),
        renames={"BucketName": "Bucket"},
        immutable=frozenset({"ObjectLockEnabledForBucket"}),
        facets=(
            _setting("AccessControl", "PutBucketAcl", "ACL", None, _acl),
            _setting(
                "BucketEncryption",
                "PutBucketEncryption",
                "ServerSideEncryptionConfiguration",
                "DeleteBucketEncryption",
                _encryption,
            ),
            _setting("CorsConfiguration", "PutBucketCors", "CORSConfiguration", "DeleteBucketCors"),
            _setting(
                "LifecycleConfiguration",
                "PutBucketLifecycleConfiguration",
                "LifecycleConfiguration",
                "DeleteBucketLifecycle",
                lifecycle,
            ),
            _setting(
                "OwnershipControls",
                "PutBucketOwnershipControls",
                "OwnershipControls",
                "DeleteBucketOwnershipControls",
            ),
            _setting(
                "PublicAccessBlockConfiguration",
                "PutPublicAccessBlock",
                "PublicAccessBlockConfiguration",
                "DeletePublicAccessBlock",
            ),
            _setting("VersioningConfiguration", "PutBucketVersioning", "VersioningConfiguration", None),
            Facet(properties=frozenset({"NotificationConfiguration"}), apply=_notifications),
        ),
        tagging=BucketTagging(target="{id}", system=False),
    ),
    Kind(
        type="AWS::S3::BucketPolicy",
        service="s3",
        create_call=Call("PutBucketPolicy"),
        update_call=Call("PutBucketPolicy"),
        delete_call=Call("DeleteBucketPolicy", {"Bucket": "{id}"}),
        whole_update=True,
        ref="{p[Bucket]}",
        renames={"PolicyDocument": "Policy"},
        immutable=frozenset({"Bucket"}),
        documents=frozenset({"PolicyDocument"}),
    ),
)
