"""Lambda functions, versions, aliases, permissions, event sources and asynchronous invocation."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made, ResourceError
from serverless_ai_local.aws.resources.calls import call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging
from serverless_ai_local.plain import is_mapping

_FUNCTION: Final = "AWS::Lambda::Function"
# Inline code is one file called `index` (CloudFormation, AWS::Lambda::Function Code).
_INLINE: Final = {"python": "index.py", "nodejs": "index.js"}
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
_CODE: Final = frozenset({"S3Bucket", "S3Key", "S3ObjectVersion", "ZipFile", "ImageUri", "SourceKMSKeyArn"})


def _code(properties: Properties) -> dict[str, Any]:
    """`Code` as the API takes it: inline text becomes a zip."""
    code: Any = properties.get("Code")
    if not is_mapping(code) or not code or code.keys() - _CODE:
        raise ResourceError(f"{_FUNCTION}.Code must be some of {', '.join(sorted(_CODE))}, got {code!r}")
    if "ZipFile" not in code:
        return code
    runtime = str(properties.get("Runtime", ""))
    name = next((file for prefix, file in _INLINE.items() if runtime.startswith(prefix)), None)
    if name is None:
        raise ResourceError(f"{_FUNCTION}.Code.ZipFile is only for Python and Node.js, not for {runtime!r}")
    return {**code, "ZipFile": _zipped(name, code["ZipFile"])}


def _zipped(name: str, text: str) -> bytes:
    """The same text makes the same bytes, so that its hash says whether it changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name, _ZIP_TIME)
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, text)
    return buffer.getvalue()


def _prepare(properties: Properties) -> Properties:
    return {**properties, "Code": _code(properties)}


def _update_code(context: Context, made: Made, old: Properties, new: Properties) -> None:
    parameters = {"FunctionName": made.physical_id, **_code(new)}
    if "Architectures" in new:
        parameters["Architectures"] = new["Architectures"]
    fitted(context, "lambda", "UpdateFunctionCode", parameters, _FUNCTION)


def _concurrency(context: Context, made: Made, old: Properties, new: Properties) -> None:
    about = {"FunctionName": made.physical_id}
    if "ReservedConcurrentExecutions" in new:
        reserved = {"ReservedConcurrentExecutions": new["ReservedConcurrentExecutions"]}
        fitted(context, "lambda", "PutFunctionConcurrency", about | reserved, _FUNCTION)
    else:
        call(context, "lambda", "DeleteFunctionConcurrency", about)


_QUALIFIED: Final = {"FunctionName": "{p[FunctionName]}", "Qualifier": "{p[Qualifier]}"}
_NAMED: Final = {"FunctionName": "{id}"}
_ARN: Final = "arn:aws:lambda:{context.region}:{context.account}:function:{id}"

# What UpdateFunctionConfiguration is told for a setting that was taken away (Lambda's own defaults).
_RESETS: Final[Mapping[str, Any]] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "FileSystemConfigs": [],
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}

KINDS: Final = (
    Kind(
        type=_FUNCTION,
        service="lambda",
        create_call=Call("CreateFunction"),
        update_call=Call("UpdateFunctionConfiguration", _NAMED),
        delete_call=Call("DeleteFunction", _NAMED),
        ref="{answer[FunctionName]}",
        attributes={"Arn": _ARN},
        name=Name(property="FunctionName", limit=64),
        immutable=frozenset({"PackageType"}),
        resets=_RESETS,
        prepare=_prepare,
        facets=(
            Facet(properties=frozenset({"Code", "Architectures"}), apply=_update_code, in_create=True),
            Facet(properties=frozenset({"ReservedConcurrentExecutions"}), apply=_concurrency),
        ),
        tagging=Tagging(target=_ARN),
    ),
    Kind(
        type="AWS::Lambda::Version",
        service="lambda",
        create_call=Call("PublishVersion"),
        delete_call=Call("DeleteFunction", {"FunctionName": "{id}"}),
        ref="{answer[FunctionArn]}",
        attributes={"FunctionArn": "{id}", "Version": "{tail}"},
        immutable=frozenset({"FunctionName", "CodeSha256", "Description"}),
    ),
    Kind(
        type="AWS::Lambda::Alias",
        service="lambda",
        create_call=Call("CreateAlias"),
        update_call=Call("UpdateAlias", {"FunctionName": "{p[FunctionName]}", "Name": "{p[Name]}"}),
        delete_call=Call("DeleteAlias", {"FunctionName": "{p[FunctionName]}", "Name": "{p[Name]}"}),
        ref="{answer[AliasArn]}",
        attributes={"AliasArn": "{id}"},
        immutable=frozenset({"FunctionName", "Name"}),
        resets={"Description": "", "RoutingConfig": {"AdditionalVersionWeights": {}}},
    ),
    Kind(
        type="AWS::Lambda::Permission",
        service="lambda",
        create_call=Call("AddPermission"),
        delete_call=Call("RemovePermission", {"FunctionName": "{p[FunctionName]}", "StatementId": "{id}"}),
        ref="{p[StatementId]}",
        attributes={"Id": "{id}"},
        name=Name(property="StatementId", limit=100),
        immutable=frozenset(
            {
                "Action",
                "EventSourceToken",
                "FunctionName",
                "FunctionUrlAuthType",
                "InvokedViaFunctionUrl",
                "Principal",
                "PrincipalOrgID",
                "SourceAccount",
                "SourceArn",
            }
        ),
    ),
    Kind(
        type="AWS::Lambda::EventInvokeConfig",
        service="lambda",
        create_call=Call("PutFunctionEventInvokeConfig"),
        update_call=Call("PutFunctionEventInvokeConfig", _QUALIFIED),
        delete_call=Call("DeleteFunctionEventInvokeConfig", _QUALIFIED),
        read_call=Call("GetFunctionEventInvokeConfig", _QUALIFIED),
        overwrites=True,
        whole_update=True,
        ref="{p[FunctionName]}|{p[Qualifier]}",
        immutable=frozenset({"FunctionName", "Qualifier"}),
    ),
    Kind(
        type="AWS::Lambda::EventSourceMapping",
        service="lambda",
        create_call=Call("CreateEventSourceMapping"),
        update_call=Call("UpdateEventSourceMapping", {"UUID": "{id}"}),
        delete_call=Call("DeleteEventSourceMapping", {"UUID": "{id}"}),
        ref="{answer[UUID]}",
        attributes={
            "Id": "{id}",
            "EventSourceMappingArn": (
                "arn:aws:lambda:{context.region}:{context.account}:event-source-mapping:{id}"
            ),
        },
        immutable=frozenset({"EventSourceArn", "StartingPosition", "StartingPositionTimestamp"}),
        resets={"Enabled": True, "FilterCriteria": {"Filters": []}, "FunctionResponseTypes": []},
        tagging=Tagging(target="arn:aws:lambda:{context.region}:{context.account}:event-source-mapping:{id}"),
    ),
)
