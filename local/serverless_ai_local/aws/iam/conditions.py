"""The `Condition` block of a policy statement."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.aws.iam import glob
from serverless_ai_local.aws.iam.glob import Token
from serverless_ai_local.plain import is_list, is_mapping

Context = Mapping[str, Sequence[str]]
"""Condition keys in lower case, with every value a request has for them."""
Test = Callable[[Sequence[Token], str], bool]
"""Whether one value of the request fits one value of the policy."""


class PolicyError(ValueError):
    """A policy says something that IAM, or this evaluator, does not know; the message names it."""


# Keys that a request may have or lack; a policy that names any other is refused, not silently never matched.
KNOWN_KEYS: Final = frozenset(
    {
        "aws:calledvia", "aws:currenttime", "aws:epochtime", "aws:multifactorauthpresent",
        "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principaltype",
        "aws:requestedregion", "aws:securetransport", "aws:sourceaccount", "aws:sourcearn", "aws:sourceip",
        "aws:sourcevpc", "aws:sourcevpce", "aws:tokenissuetime", "aws:useragent", "aws:userid",
        "aws:username", "aws:viaawsservice", "bedrock:guardrailidentifier", "bedrock:inferenceprofilearn",
        "cloudwatch:namespace", "dynamodb:attributes", "dynamodb:leadingkeys", "dynamodb:returnvalues",
        "dynamodb:select", "events:detail-type", "events:eventbusinvocation", "events:source",
        "iam:passedtoservice", "kms:calleraccount", "kms:viaservice", "lambda:functionarn",
        "lambda:functionurlauthtype",
        "lambda:sourcefunctionarn", "s3:delimiter", "s3:max-keys", "s3:prefix", "s3:x-amz-acl",
        "s3:x-amz-server-side-encryption", "sns:endpoint", "sns:protocol",
    }
)  # fmt: skip
KNOWN_FAMILIES: Final = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/")


def satisfied(block: Mapping[str, Any], context: Context) -> bool:
    """Whether every operator and key of the block holds. Raises `PolicyError` for an unknown one."""
    return all(
        _holds(operator, key, _strings(values), context)
        for operator, keys in block.items()
        for key, values in _keys(operator, keys).items()
    )


def _holds(operator: str, key: str, wanted: Sequence[str], context: Context) -> bool:
    quantifier, _, rest = operator.rpartition(":")
    if_exists = rest.endswith("IfExists")
    name = rest.removesuffix("IfExists")
    if quantifier not in ("", "ForAllValues", "ForAnyValue") or (name not in _OPERATORS and name != "Null"):
        raise PolicyError(f"condition operator {operator!r} is not known")
    if key.lower() not in KNOWN_KEYS and not key.lower().startswith(KNOWN_FAMILIES):
        raise PolicyError(f"condition key {key!r} is not known to the local cloud")
    values = context.get(key.lower())
    if name == "Null":
        return any((word.lower() == "true") == (values is None) for word in wanted)
    test, negated = _OPERATORS[name]
    if not values:
        return if_exists or quantifier == "ForAllValues" or (negated and not quantifier)
    patterns = [pattern for text in wanted if (pattern := glob.expand(text, context)) is not None]
    fits = [any(test(pattern, value) for pattern in patterns) != negated for value in values]
    if quantifier == "ForAllValues":
        return all(fits)
    return any(fits) if quantifier or not negated else all(fits)


def _keys(operator: str, keys: object) -> Mapping[str, Any]:
    if not is_mapping(keys):
        raise PolicyError(f"condition operator {operator!r} needs an object of condition keys")
    return keys


def _strings(values: object) -> list[str]:
    items: list[Any] = values if is_list(values) else [values]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]


def _arn(pattern: Sequence[Token], value: str) -> bool:
    wanted, given = glob.split(pattern, 6), value.split(":", 5)
    return len(wanted) == len(given) == 6 and all(map(glob.match_tokens, wanted, given))


def _ip(pattern: Sequence[Token], value: str) -> bool:
    text = glob.literal(pattern)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PolicyError(f"{text!r} is not an IP address or range") from None
    try:
        return ipaddress.ip_address(value) in network
    except ValueError:
        return False


def _compared(convert: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Test:
    """A test of two values after conversion; `compare` gets the request's value first."""

    def test(pattern: Sequence[Token], value: str) -> bool:
        text = glob.literal(pattern)
        try:
            wanted = convert(text)
        except ValueError:
            raise PolicyError(f"condition value {text!r} cannot be compared") from None
        try:
            return compare(convert(value), wanted)
        except ValueError:
            return False

    return test


def _moment(text: str) -> float:
    if text.replace(".", "", 1).isdigit():
        return float(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _ordered(prefix: str, convert: Callable[[str], Any]) -> dict[str, tuple[Test, bool]]:
    return {
        f"{prefix}Equals": (_compared(convert, lambda a, b: a == b), False),
        f"{prefix}NotEquals": (_compared(convert, lambda a, b: a == b), True),
        f"{prefix}LessThan": (_compared(convert, lambda a, b: a < b), False),
        f"{prefix}LessThanEquals": (_compared(convert, lambda a, b: a <= b), False),
        f"{prefix}GreaterThan": (_compared(convert, lambda a, b: a > b), False),
        f"{prefix}GreaterThanEquals": (_compared(convert, lambda a, b: a >= b), False),
    }


def _equal(pattern: Sequence[Token], value: str) -> bool:
    return glob.literal(pattern) == value


def _equal_ignoring_case(pattern: Sequence[Token], value: str) -> bool:
    return glob.literal(pattern).casefold() == value.casefold()


# Operator -> (test of one value, whether the operator is its negation).
_OPERATORS: Final[Mapping[str, tuple[Test, bool]]] = {
    "StringEquals": (_equal, False),
    "StringNotEquals": (_equal, True),
    "StringEqualsIgnoreCase": (_equal_ignoring_case, False),
    "StringNotEqualsIgnoreCase": (_equal_ignoring_case, True),
    "StringLike": (glob.match_tokens, False),
    "StringNotLike": (glob.match_tokens, True),
    "ArnEquals": (_arn, False),
    "ArnLike": (_arn, False),
    "ArnNotEquals": (_arn, True),
    "ArnNotLike": (_arn, True),
    "Bool": (_compared(_truth, lambda a, b: a == b), False),
    "IpAddress": (_ip, False),
    "NotIpAddress": (_ip, True),
    **_ordered("Numeric", float),
    **_ordered("Date", _moment),
}
