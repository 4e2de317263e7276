"""The model of a pattern, resolved for its region; a model at the end of its life makes a warning."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.models import Model, resolve_aws
from serverless_ai_pulumi._model_life import warn_of_old_model


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
