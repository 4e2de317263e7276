"""Which configurations of functions the local cloud takes; every other is refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws import arns
from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.calls import section
from serverless_ai_local.aws.service_roles import ServiceRoles
from serverless_ai_local.functions.deployed import CUSTOM, PYTHON
from serverless_ai_local.functions.host import SERVICE
from serverless_ai_local.functions.variables import RESERVED

MAX_ENVIRONMENT_BYTES: Final = 4096
KNOWN: Final = frozenset(
    {
        "Architectures", "Code", "CodeSigningConfigArn", "DeadLetterConfig", "Description", "Environment",
        "EphemeralStorage", "FunctionName", "Handler", "KMSKeyArn", "Layers", "LoggingConfig", "MemorySize",
        "PackageType", "Publish", "RevisionId", "Role", "Runtime", "SnapStart", "Tags", "Timeout",
        "TracingConfig", "VpcConfig",
    }
)  # fmt: skip
_SEND_ACTIONS: Final = {
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "lambda": "lambda:InvokeFunction",
    "events": "events:PutEvents",
}
_VPC_ACTIONS: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteNetworkInterface",
)
_UNABLE: Final = (
    "Lambda was unable to configure your environment variables because "
    "the environment variables you have provided"
)
_RANGES: Final = {"MemorySize": (128, 10_240), "Timeout": (1, 900)}


def invalid(message: str) -> ApiError:
    """Lambda's error for a parameter that it does not take."""
    return ApiError("InvalidParameterValueException", message)


def require(given: Mapping[str, Any], role_arn: str, name: str, roles: ServiceRoles) -> None:
    """Raise `ApiError` if this cannot be deployed. `role_arn` is the role that the function will have."""
    unknown = sorted(set(given) - KNOWN)
    if unknown:
        raise invalid(
            f"the local cloud does not offer {unknown[0]} of a function; it offers {', '.join(sorted(KNOWN))}"
        )
    _require_runnable(given)
    for field, (least, most) in _RANGES.items():
        value = given.get(field, least)
        if not isinstance(value, int) or not least <= value <= most:
            raise invalid(f"{field} must be a whole number from {least} to {most}, got {value!r}")
    _require_environment(given.get("Environment"))
    try:
        roles.require_trust(role_arn, SERVICE)
    except ApiError:
        raise invalid("The role defined for the function cannot be assumed by Lambda.") from None
    dead_letters = section(given, "DeadLetterConfig").get("TargetArn")
    if dead_letters:
        require_send(dead_letters, ("sqs", "sns"), role_arn, name, roles)
    if section(given, "VpcConfig").get("SubnetIds"):
        _require_network(role_arn, name, roles)


def require_send(
    target: str, services: tuple[str, ...], role_arn: str, name: str, roles: ServiceRoles
) -> None:
    """Raise `ApiError` unless the target is of these services and the role may send to it, as Lambda does."""
    try:
        arn = arns.parse(target)
    except ValueError as error:
        raise invalid(str(error)) from None
    if arn.service not in services:
        raise invalid(f"{target} cannot be a target here; these can: {', '.join(services)}")
    if arn.service == "sqs" and target.endswith(".fifo"):
        raise invalid(f"{target}: a FIFO queue cannot be a target of a function")
    action = _SEND_ACTIONS[arn.service]
    try:
        roles.check(role_arn, name, action, target)
    except ApiError:
        verb = action.split(":")[1]
        raise invalid(
            f"The function's execution role {role_arn} does not have permissions to call {verb} on {target}"
        ) from None


def _require_runnable(given: Mapping[str, Any]) -> None:
    if given.get("PackageType", "Zip") != "Zip":
        raise invalid(f"PackageType {given['PackageType']} is not offered locally; Zip is")
    if section(given, "SnapStart").get("ApplyOn", "None") != "None":
        raise invalid("SnapStart is not offered locally")
    runtime = given.get("Runtime")
    if runtime is not None and not str(runtime).startswith((PYTHON, CUSTOM)):
        raise invalid(f"the runtime {runtime} does not run locally; {PYTHON}* and {CUSTOM}.* do")


def _require_environment(environment: Any) -> None:
    if environment is None:
        return
    if "Variables" not in environment:
        raise invalid("Environment must have Variables")
    variables: Mapping[str, str] = environment["Variables"]
    reserved = sorted(RESERVED & set(variables))
    if reserved:
        raise invalid(
            f"{_UNABLE} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    size = len(json.dumps(variables, separators=(",", ":")).encode())
    if size > MAX_ENVIRONMENT_BYTES:
        raise invalid(f"{_UNABLE} exceeded the 4KB limit. String measured: {size} bytes")


def _require_network(role_arn: str, name: str, roles: ServiceRoles) -> None:
    for action in _VPC_ACTIONS:
        try:
            roles.check(role_arn, name, action, "*")
        except ApiError:
            verb = action.split(":")[1]
            raise invalid(
                f"The provided execution role does not have permissions to call {verb} on EC2"
            ) from None
