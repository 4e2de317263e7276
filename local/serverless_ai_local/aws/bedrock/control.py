"""Bedrock's control plane: guardrails, and the models that are known here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.bedrock.guardrails import DRAFT, Guardrail, Guardrails
from serverless_ai_local.aws.calls import reply
from serverless_ai_patterns.aws.models import ROWS


class BedrockControl:
    """The operations, over the same guardrails that the runtime enforces."""

    def __init__(self, guardrails: Guardrails) -> None:
        self._guardrails = guardrails

    def operations(self) -> Operations:
        """What this answers."""
        return {
            ("bedrock", "CreateGuardrail"): self._create,
            ("bedrock", "UpdateGuardrail"): self._update,
            ("bedrock", "GetGuardrail"): self._get,
            ("bedrock", "ListGuardrails"): self._list,
            ("bedrock", "DeleteGuardrail"): self._delete,
            ("bedrock", "CreateGuardrailVersion"): self._publish,
            ("bedrock", "ListFoundationModels"): _models,
        }

    def _create(self, call: Call) -> Response:
        made = self._guardrails.create(_body(call), call.region, call.account)
        return reply({**_names(made), "version": made.version, "createdAt": _time(made.created)}, 202)

    def _update(self, call: Call) -> Response:
        changed = self._guardrails.update(_identifier(call), _body(call))
        return reply(
            {**_names(changed), "version": changed.version, "updatedAt": _time(changed.updated)}, 202
        )

    def _get(self, call: Call) -> Response:
        version = call.request.args.get("guardrailVersion", DRAFT)
        found = self._guardrails.get(_identifier(call), version)
        content = {
            **_names(found),
            "version": found.version,
            "status": "READY",
            "createdAt": _time(found.created),
            "updatedAt": _time(found.updated),
            **_shown(found.config),
        }
        return reply(content)

    def _list(self, call: Call) -> Response:
        found = self._guardrails.listed(call.request.args.get("guardrailIdentifier"))
        return reply({"guardrails": [_summary(one) for one in found]})

    def _delete(self, call: Call) -> Response:
        self._guardrails.delete(_identifier(call), call.request.args.get("guardrailVersion"))
        return reply({}, 202)

    def _publish(self, call: Call) -> Response:
        made = self._guardrails.publish(_identifier(call), str(_body(call).get("description", "")))
        return reply({"guardrailId": made.id, "version": made.version}, 202)


def _models(call: Call) -> Response:
    """Models of the registry; the local cloud answers for any id of a known form."""
    summaries = [
        {
            "modelArn": f"arn:aws:bedrock:{call.region}::foundation-model/{base}",
            "modelId": base,
            "modelName": row.name,
            "providerName": base.partition(".")[0].capitalize(),
            "inputModalities": ["TEXT"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "inferenceTypesSupported": ["ON_DEMAND"] if "" in row.prices else ["INFERENCE_PROFILE"],
            "modelLifecycle": {"status": "ACTIVE"},
        }
        for base, row in ROWS.items()
    ]
    return reply({"modelSummaries": summaries})


def _identifier(call: Call) -> str:
    return call.request.path.removeprefix("/guardrails/")


def _body(call: Call) -> Mapping[str, Any]:
    try:
        body: Any = json.loads(call.request.get_data() or b"{}")
    except ValueError as error:
        raise ApiError("ValidationException", f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError("ValidationException", "the body is not an object")
    return body  # pyright: ignore[reportUnknownVariableType]


def _names(guardrail: Guardrail) -> dict[str, str]:
    return {"guardrailId": guardrail.id, "guardrailArn": guardrail.arn}


def _summary(guardrail: Guardrail) -> dict[str, Any]:
    return {
        "id": guardrail.id,
        "arn": guardrail.arn,
        "name": guardrail.config["name"],
        "description": guardrail.description or guardrail.config.get("description", ""),
        "status": "READY",
        "version": guardrail.version,
        "createdAt": _time(guardrail.created),
        "updatedAt": _time(guardrail.updated),
    }


def _shown(value: Any) -> Any:
    """What was given as `...Config` is shown without that word."""
    if isinstance(value, Mapping):
        given: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {name.removesuffix("Config"): _shown(one) for name, one in given.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _time(moment: Any) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
