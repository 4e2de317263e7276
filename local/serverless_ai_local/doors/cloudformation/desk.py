"""What operations work with: the stacks, the caller's parameters and the desired state read from them."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlparse

from botocore.exceptions import ClientError  # pyright: ignore[reportMissingTypeStubs]

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.provider import Provider
from serverless_ai_local.doors.cloudformation import parameters
from serverless_ai_local.doors.cloudformation.stack import Desired, Stack
from serverless_ai_local.doors.cloudformation.stacks import Stacks
from serverless_ai_local.doors.cloudformation.template import Template, parse
from serverless_ai_local.doors.cloudformation.text import TemplateError

_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_BUCKET_HOST = re.compile(r"(?P<bucket>.+)\.s3[.-][a-z0-9.-]+")
# Values of parameters that ask for nothing more than the local cloud does anyway.
_HARMLESS: Final[tuple[Any, ...]] = (None, False, "", [], {}, "STANDARD", {"Mode": "STANDARD"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """The state behind all operations."""

    stacks: Stacks
    providers: Mapping[str, Provider]
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held while an operation decides and starts, never while it runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One call: who asks for what."""

    desk: Desk
    operation: str
    account: str
    region: str
    parameters: Mapping[str, Any]
    started: list[threading.Thread] = field(default_factory=list[threading.Thread])
    """Operations that the call has set off."""

    def stack(self, message: str = "Stack with id {} does not exist") -> Stack:
        """The stack that the call names; `ValidationError` if there is none."""
        name = self.parameters.get("StackName")
        if name is None:
            raise ApiError("ValidationError", f"{self.operation} needs StackName")
        return self.desk.stacks.get(self.account, self.region, name, message)

    def find(self) -> Stack | None:
        """The stack that the call names, if there is one. An impossible name is a `ValidationError`."""
        name: str = self.parameters["StackName"]
        if not name.startswith("arn:") and not _STACK_NAME.fullmatch(name):
            raise ApiError(
                "ValidationError",
                f"stack name {name!r} must be a letter followed by at most 127 letters, digits and hyphens",
            )
        return self.desk.stacks.find(self.account, self.region, name)

    def supports(self, *names: str) -> None:
        """Refuse every other parameter that asks for something."""
        for name, value in self.parameters.items():
            if name not in names and value not in _HARMLESS:
                raise ApiError(
                    "ValidationError",
                    f"the local CloudFormation does not support {self.operation}.{name}={value!r}",
                )

    def template(self, stack: Stack | None, types: Collection[str]) -> Template:
        """The template that the call brings, points to, or wants used again."""
        given = self.parameters
        if given.get("UsePreviousTemplate"):
            if stack is None or stack.desired is None:
                raise ApiError("ValidationError", "UsePreviousTemplate: there is no previous template")
            return stack.desired.template
        if ("TemplateBody" in given) == ("TemplateURL" in given):
            raise ApiError("ValidationError", "Either Template URL or Template Body must be specified.")
        text: str = given["TemplateBody"] if "TemplateBody" in given else self._download(given["TemplateURL"])
        return parse(text, types)

    def desired(self, stack: Stack) -> Desired:
        """What the call wants the stack to be. Raises `TemplateError` and `ApiError`."""
        template = self.template(stack, self.desk.providers.keys())
        self._acknowledged(template)
        ssm = self.desk.stacks.context(stack).client("ssm")

        def read_store(name: str) -> str:
            try:
                return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
            except ClientError as error:
                raise TemplateError(
                    f"Unable to fetch parameters [{name}] from parameter store for this account."
                ) from error

        previous = stack.desired
        tags = {tag["Key"]: tag["Value"] for tag in self.parameters.get("Tags", [])}
        keeps_tags = "Tags" not in self.parameters and previous is not None
        return Desired(
            template=template,
            parameters=parameters.evaluate(template.parameters, self._given(previous), read_store),
            tags=previous.tags if keeps_tags and previous is not None else tags,
        )

    def _given(self, previous: Desired | None) -> dict[str, str]:
        values: dict[str, str] = {}
        for parameter in self.parameters.get("Parameters", []):
            key = parameter["ParameterKey"]
            if not parameter.get("UsePreviousValue"):
                values[key] = parameter.get("ParameterValue", "")
            elif previous is not None and key in previous.parameters:
                values[key] = previous.parameters[key].given
            else:
                raise TemplateError(f"Parameter {key}: UsePreviousValue, but there is no previous value")
        return values

    def _acknowledged(self, template: Template) -> None:
        given = set(self.parameters.get("Capabilities", []))
        needed = template.capabilities
        if needed and not given & {needed[0], "CAPABILITY_NAMED_IAM"}:
            raise ApiError(
                "InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(needed)}]"
            )

    def _download(self, url: str) -> str:
        parts = urlparse(url)
        path = unquote(parts.path).lstrip("/")
        virtual = _BUCKET_HOST.fullmatch(parts.hostname or "")
        bucket, key = (virtual["bucket"], path) if virtual else path.partition("/")[::2]
        s3 = self.desk.stacks.context_of(self.region, "").client("s3")
        try:
            body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            raise ApiError(
                "ValidationError", f"S3 error: {error} for more information check {url}"
            ) from error
        return body.decode()


def update_refusal(stack: Stack) -> ApiError:
    """The error for a stack that is in no state to be updated."""
    return ApiError("ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def can_update(stack: Stack, *, rollback: bool) -> bool:
    """Whether an update may start: at rest, made once, and not left half-way unless it is to stay so."""
    if stack.status in {"CREATE_FAILED", "UPDATE_FAILED"}:
        return not rollback
    return stack.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}
