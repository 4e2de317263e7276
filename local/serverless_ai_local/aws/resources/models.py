"""Bedrock guardrails and their versions."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.aws.resources.kind import Call, Kind
from serverless_ai_local.aws.resources.tagging import Tagging

_SERVICE: Final = "bedrock"

KINDS: Final = (
    Kind(
        type="AWS::Bedrock::Guardrail",
        service=_SERVICE,
        create_call=Call("CreateGuardrail"),
        update_call=Call("UpdateGuardrail", {"guardrailIdentifier": "{id}"}),
        delete_call=Call("DeleteGuardrail", {"guardrailIdentifier": "{id}"}),
        read_call=Call("GetGuardrail", {"guardrailIdentifier": "{id}"}),
        whole_update=True,
        ref="{answer[guardrailArn]}",
        attributes={
            "CreatedAt": "{answer[createdAt]}",
            "GuardrailArn": "{answer[guardrailArn]}",
            "GuardrailId": "{answer[guardrailId]}",
            "Status": "{answer[status]}",
            "UpdatedAt": "{answer[updatedAt]}",
            "Version": "{answer[version]}",
        },
        tagging=Tagging(target="{made[GuardrailArn]}"),
    ),
    Kind(
        type="AWS::Bedrock::GuardrailVersion",
        service=_SERVICE,
        create_call=Call("CreateGuardrailVersion"),
        delete_call=Call(
            "DeleteGuardrail",
            {"guardrailIdentifier": "{p[GuardrailIdentifier]}", "guardrailVersion": "{tail}"},
        ),
        ref="{answer[guardrailId]}|{answer[version]}",
        attributes={
            "GuardrailArn": "arn:aws:bedrock:{context.region}:{context.account}:guardrail/{head}",
            "GuardrailId": "{head}",
            "Version": "{tail}",
        },
        immutable=frozenset({"GuardrailIdentifier", "Description"}),
    ),
)
