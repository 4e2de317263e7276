"""The warning that a program gives when its model is gone."""

from __future__ import annotations

from datetime import date

import pulumi

from serverless_ai_patterns.models import Model


def warn_of_old_model(component: pulumi.ComponentResource, model: Model, today: date) -> None:
    """Warn when every call will fail because the model is gone."""
    if model.past_end_of_life(today):
        pulumi.log.warn(
            f"Model {model.id} reached its end of life on {model.end_of_life}: choose another one", component
        )
