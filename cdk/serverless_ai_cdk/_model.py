"""The model of a pattern, resolved for its stack; a model at the end of its life makes a warning."""

from __future__ import annotations

from datetime import UTC, date, datetime

from aws_cdk import Annotations, Stack, Token
from constructs import Construct

from serverless_ai_patterns.models import Model, resolve_aws


def model_for(scope: Construct, name: str) -> Model:
    """The model behind alias or id `name` in the stack's region, if that is known before deployment."""
    region = Stack.of(scope).region
    model = resolve_aws(name, None if Token.is_unresolved(region) else region)
    warn_of_old_model(scope, model, datetime.now(UTC).date())
    return model


def warn_of_old_model(scope: Construct, model: Model, today: date) -> None:
    """Warn at synthesis when every call will fail because the model is gone."""
    if model.past_end_of_life(today):
        Annotations.of(scope).add_warning_v2(
            "serverless-ai:model-end-of-life",
            f"Model {model.id} reached its end of life on {model.end_of_life}: choose another one",
        )
