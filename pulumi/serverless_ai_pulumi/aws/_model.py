"""The model of a pattern, resolved for its region; a model at the end of its life makes a warning."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.models import Model, resolve_aws


def model_for(component: pulumi.ComponentResource, name: str) -> pulumi.Output[Model]:
    """The model behind alias or id `name` in the region of the component's provider; known in a preview too.

    A name that Bedrock cannot have fails the program with ValueError.
    """

    def resolve(region: str) -> Model:
        model = resolve_aws(name, region)
        warn_of_old_model(component, model, datetime.now(UTC).date())
        return model

    found = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=component))
    return found.apply(lambda here: resolve(here.region))


def warn_of_old_model(component: pulumi.ComponentResource, model: Model, today: date) -> None:
    """Warn when every call will fail because the model is gone."""
    if model.past_end_of_life(today):
        pulumi.log.warn(
            f"Model {model.id} reached its end of life on {model.end_of_life}: choose another one", component
        )
