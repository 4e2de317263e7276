"""Where a deployment is: project and region of the component's provider, or how to set them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pulumi
import pulumi_gcp as gcp
from pulumi_gcp.organizations import GetClientConfigResult


class Place(NamedTuple):
    project: pulumi.Output[str]
    """The project's id."""
    region: pulumi.Output[str]


def place_of(component: pulumi.ComponentResource) -> Place:
    """Known in a preview too, and without a call to Google. A place that is not set fails with ValueError."""
    found = gcp.organizations.get_client_config_output(opts=pulumi.InvokeOutputOptions(parent=component))
    # The result holds the provider's access token beside what is read here, which is no secret.
    return Place(
        project=pulumi.Output.unsecret(found.apply(_read("project", "your-project-id"))),
        region=pulumi.Output.unsecret(found.apply(_read("region", "us-central1"))),
    )


def _read(what: str, example: str) -> Callable[[GetClientConfigResult], str]:
    def read(config: GetClientConfigResult) -> str:
        value = getattr(config, what)
        if not value:
            raise ValueError(f"gcp:{what} is not set: pulumi config set gcp:{what} {example}")
        return value

    return read
