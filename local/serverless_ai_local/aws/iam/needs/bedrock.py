"""Bedrock: a model, the profile it is called through with the models behind it, and the guardrail.

Converse and ConverseStream are no IAM actions: they are authorised as InvokeModel and its streaming form.
Through a profile the profile's ARN is needed, and the model's in every region that the profile may
choose, with the condition key that says which profile it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from serverless_ai_local.aws.bedrock.model_ids import Target, target
from serverless_ai_local.aws.iam.needs.base import Need, Parameters, Place, Rule

INVOKE: Final = "bedrock:InvokeModel"
STREAM: Final = "bedrock:InvokeModelWithResponseStream"
APPLY: Final = "bedrock:ApplyGuardrail"
PROFILE_KEY: Final = "bedrock:InferenceProfileArn"
GUARDRAIL_KEY: Final = "bedrock:GuardrailIdentifier"


def _model(action: str) -> Rule:
    def rule(parameters: Parameters, place: Place) -> list[Need]:
        called = target(str(parameters["modelId"]), place.region, place.account)
        identifier, version = _guardrail(parameters)
        context: dict[str, Sequence[str]] = {}
        needs: list[Need] = []
        if identifier:
            arn = _guardrail_arn(identifier, place)
            context[GUARDRAIL_KEY] = [f"{arn}:{version}"]
            needs.append(Need(action=APPLY, resource=arn))
        return _models(action, called, context) + needs

    return rule


def _models(action: str, called: Target, context: Mapping[str, Sequence[str]]) -> list[Need]:
    if called.profile_arn is None:
        return [Need(action=action, resource=arn, context=context) for arn in called.model_arns]
    through = {**context, PROFILE_KEY: [called.profile_arn]}
    profile = Need(action=action, resource=called.profile_arn, context=context)
    return [profile, *(Need(action=action, resource=arn, context=through) for arn in called.model_arns)]


def _guardrail(parameters: Parameters) -> tuple[str, str]:
    """Converse names the guardrail in the body, InvokeModel in headers."""
    config = parameters.get("guardrailConfig") or parameters
    return str(config.get("guardrailIdentifier") or ""), str(config.get("guardrailVersion") or "DRAFT")


def _guardrail_arn(identifier: str, place: Place) -> str:
    return identifier if identifier.startswith("arn:") else place.arn("bedrock", f"guardrail/{identifier}")


def _apply(parameters: Parameters, place: Place) -> list[Need]:
    return [Need(action=APPLY, resource=_guardrail_arn(str(parameters["guardrailIdentifier"]), place))]


RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("bedrock-runtime", "Converse"): _model(INVOKE),
    ("bedrock-runtime", "ConverseStream"): _model(STREAM),
    ("bedrock-runtime", "InvokeModel"): _model(INVOKE),
    ("bedrock-runtime", "InvokeModelWithResponseStream"): _model(STREAM),
    ("bedrock-runtime", "ApplyGuardrail"): _apply,
}
