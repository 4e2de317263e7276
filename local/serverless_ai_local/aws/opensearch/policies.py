"""Policies of OpenSearch Serverless: what they look like, and which collections and indexes they cover."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.plain import is_list, is_mapping

_DATA: Final = {
    "collection": (
        "aoss:CreateCollectionItems",
        "aoss:DeleteCollectionItems",
        "aoss:DescribeCollectionItems",
        "aoss:UpdateCollectionItems",
    ),
    "index": (
        "aoss:CreateIndex",
        "aoss:DeleteIndex",
        "aoss:DescribeIndex",
        "aoss:ReadDocument",
        "aoss:UpdateIndex",
        "aoss:WriteDocument",
    ),
}
"""Permissions by the kind of resource (Data access control, read 2026-11-27)."""


def invalid(text: str) -> ApiError:
    """What a request is refused with."""
    return ApiError("ValidationException", text)


def read(kind: str, text: str) -> Any:
    """The document of a policy of this kind. Raises `ApiError` for one that the service would not take."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise invalid(f"Policy json is invalid, error: [{error}]") from None
    try:
        _CHECKS[kind](document)
    except (KeyError, TypeError) as error:
        raise invalid(f"Policy json is invalid, error: [{error!r}]") from None
    return document


def covers(patterns: Sequence[str], resource: str) -> bool:
    """Whether one of them names the resource; a `*` at the end of a name stands for anything."""
    parts = resource.split("/")
    return any(
        len(parts) == len(one.split("/")) and all(map(_matches, one.split("/"), parts)) for one in patterns
    )


def _matches(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == name


def key_of(document: Mapping[str, Any], collection: str) -> str | None:
    """The key that an encryption policy gives to a collection: `auto` for one of AWS; None for none."""
    if not _applies(document["Rules"], "collection", f"collection/{collection}"):
        return None
    return "auto" if document.get("AWSOwnedKey") else str(document["KmsARN"])


def lets_in(document: Sequence[Mapping[str, Any]], collection: str) -> bool:
    """Whether a network policy opens a collection to public networks."""
    return any(
        one.get("AllowFromPublic") is True
        and _applies(one["Rules"], "collection", f"collection/{collection}")
        for one in document
    )


def allows(
    document: Sequence[Mapping[str, Any]], principals: Sequence[str], permission: str, resource: str
) -> bool:
    """Whether a data access policy gives one of the principals the permission on an index."""
    return any(
        set(principals) & set(one["Principal"])
        and any(
            rule["ResourceType"] == "index"
            and covers(rule["Resource"], resource)
            and {permission, "aoss:*"} & set(rule["Permission"])
            for rule in one["Rules"]
        )
        for one in document
    )


def _applies(rules: Sequence[Mapping[str, Any]], kind: str, resource: str) -> bool:
    return any(rule["ResourceType"] == kind and covers(rule["Resource"], resource) for rule in rules)


def _encryption(document: Any) -> None:
    _keys(document, {"Rules", "AWSOwnedKey", "KmsARN", "Description"})
    if (document.get("AWSOwnedKey") is True) == ("KmsARN" in document):
        raise TypeError("either AWSOwnedKey is true, or there is a KmsARN")
    _rules(document["Rules"], {"collection": ()})


def _network(document: Any) -> None:
    for one in _list(document):
        _keys(one, {"Rules", "AllowFromPublic", "Description"})
        if type(one["AllowFromPublic"]) is not bool:
            raise TypeError("AllowFromPublic must be true or false; there are no VPC endpoints here")
        _rules(one["Rules"], {"collection": (), "dashboard": ()})


def _data(document: Any) -> None:
    for one in _list(document):
        _keys(one, {"Rules", "Principal", "Description"})
        if not all(str(principal).startswith(("arn:", "saml/")) for principal in _list(one["Principal"])):
            raise TypeError("a principal is an ARN or SAML identity")
        _rules(one["Rules"], _DATA)


def _rules(rules: Any, permissions: Mapping[str, Sequence[str]]) -> None:
    for rule in _list(rules):
        kind = rule["ResourceType"]
        if kind not in permissions:
            raise TypeError(f"ResourceType must be one of {', '.join(permissions)}, got {kind!r}")
        known = permissions[kind]
        _keys(rule, {"ResourceType", "Resource", *(("Permission",) if known else ())})
        prefix = "index/" if kind == "index" else "collection/"
        for resource in _list(rule["Resource"]):
            parts = str(resource).split("/")
            if not str(resource).startswith(prefix) or len(parts) != (3 if kind == "index" else 2):
                raise TypeError(f"{resource!r} is no resource of type {kind}")
            if any("*" in part[:-1] for part in parts):
                raise TypeError(f"{resource!r}: a * stands at the end of a name only")
        for permission in _list(rule["Permission"]) if known else ():
            if permission not in (*known, "aoss:*"):
                raise TypeError(f"there is no permission {permission!r} for {kind}")


def _list(value: Any) -> list[Any]:
    if not is_list(value) or not value:
        raise TypeError(f"a list with something in it is needed, got {value!r}")
    return value


def _keys(value: Any, known: set[str]) -> None:
    if not is_mapping(value) or value.keys() - known:
        raise TypeError(f"an object with {', '.join(sorted(known))} is needed, got {value!r}")


_CHECKS: Final = {"encryption": _encryption, "network": _network, "data": _data}
