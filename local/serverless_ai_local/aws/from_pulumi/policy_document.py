"""`aws.iam.get_policy_document`: statements in Terraform's words as an IAM policy, and merging several."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_local.doors.pulumi.clouds import CloudError
from serverless_ai_local.doors.pulumi.values import Values
from serverless_ai_local.plain import is_list

VERSION: Final = "2012-10-17"
# Input -> element of a statement, in the order in which Terraform writes them.
_LISTS: Final = {
    "actions": "Action",
    "notActions": "NotAction",
    "resources": "Resource",
    "notResources": "NotResource",
}
_PRINCIPALS: Final = {"principals": "Principal", "notPrincipals": "NotPrincipal"}


def policy_document(arguments: Values) -> dict[str, Any]:
    """The function's result: `json` as Terraform indents it, `minifiedJson`, and the arguments."""
    merged = [_parsed(text) for text in _texts(arguments, "source")]
    own = {
        "Version": arguments.get("version", VERSION),
        "Id": arguments.get("policyId"),
        "Statement": [_statement(one) for one in arguments.get("statements", ())],
    }
    _refuse_doubles([own])
    _refuse_doubles(merged)
    overrides = [_parsed(text) for text in _texts(arguments, "override")]
    policy: dict[str, Any] = {}
    for other in (*merged, own, *overrides):
        policy = _merge(policy, other)
    policy = {key: value for key, value in policy.items() if value is not None}
    text = json.dumps(policy, indent=2)
    minified = json.dumps(policy, separators=(",", ":"))
    return {**arguments, "id": str(zlib.crc32(minified.encode())), "json": text, "minifiedJson": minified}


def _texts(arguments: Values, kind: str) -> list[str]:
    """Of `source_json` and `source_policy_documents`, or the same with `override`."""
    one = arguments.get(f"{kind}Json")
    return [*([one] if one else []), *arguments.get(f"{kind}PolicyDocuments", ())]


def _parsed(text: str) -> dict[str, Any]:
    try:
        policy: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise CloudError(f"a policy document to merge is not JSON: {error}") from error
    statements: Any = policy.get("Statement", [])
    return {**policy, "Statement": statements if is_list(statements) else [statements]}


def _statement(given: Values) -> dict[str, Any]:
    statement: dict[str, Any] = {}
    if given.get("sid"):
        statement["Sid"] = given["sid"]
    statement["Effect"] = given.get("effect", "Allow")
    for input_, element in _LISTS.items():
        if given.get(input_):
            statement[element] = _one_or_many(given[input_])
    for input_, element in _PRINCIPALS.items():
        if given.get(input_):
            statement[element] = _principals(given[input_])
    if given.get("conditions"):
        statement["Condition"] = _conditions(given["conditions"])
    return statement


def _one_or_many(values: Sequence[str]) -> Any:
    """Terraform keeps a set, and writes it backwards."""
    ordered = sorted(set(values), reverse=True)
    return ordered[0] if len(ordered) == 1 else ordered


def _principals(given: Sequence[Values]) -> Any:
    if len(given) == 1 and given[0]["type"] == "*" and list(given[0]["identifiers"]) == ["*"]:
        return "*"
    gathered: dict[str, list[str]] = {}
    for one in given:
        gathered.setdefault(one["type"], []).extend(one["identifiers"])
    return {kind: _one_or_many(names) for kind, names in gathered.items()}


def _conditions(given: Sequence[Values]) -> dict[str, dict[str, Any]]:
    gathered: dict[str, dict[str, list[str]]] = {}
    for one in given:
        values = gathered.setdefault(one["test"], {}).setdefault(one["variable"], [])
        values.extend(one["values"])
    return {
        test: {variable: values[0] if len(values) == 1 else values for variable, values in variables.items()}
        for test, variables in gathered.items()
    }


def _merge(policy: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A statement with the same `Sid` takes the earlier one's place, any other comes at the end."""
    statements: list[Any] = list(policy.get("Statement", ()))
    for statement in other.get("Statement", ()):
        sid = statement.get("Sid")
        places = [index for index, one in enumerate(statements) if sid and one.get("Sid") == sid]
        if places:
            statements[places[0]] = statement
        else:
            statements.append(statement)
    head = {key: other[key] or policy.get(key) for key in ("Version", "Id") if key in other}
    kept = {key: value for key, value in policy.items() if key not in (*head, "Statement")}
    return {**kept, **head, "Statement": statements}


def _refuse_doubles(policies: Sequence[Mapping[str, Any]]) -> None:
    """Where statements come together on equal terms, a `Sid` stands once."""
    seen: set[str] = set()
    for statement in (one for policy in policies for one in policy["Statement"]):
        sid = statement.get("Sid")
        if sid and sid in seen:
            raise CloudError(f"get_policy_document: sid {sid!r} stands twice")
        seen.add(sid or "")
