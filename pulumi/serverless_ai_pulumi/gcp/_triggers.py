"""Triggers of Eventarc: what Google's services tell of themselves, delivered to a function."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp

from serverless_ai_pulumi.gcp._identity import on_project
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place

RECEIVE = "roles/eventarc.eventReceiver"


def receives(
    name: str, deliverer: gcp.serviceaccount.Account, place: Place, *, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Let `deliverer` take events for triggers."""
    return on_project(f"{name}-receive", deliverer, RECEIVE, project=place.project, opts=opts)


def storage_publishes(name: str, place: Place, *, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """Let Cloud Storage's own account publish what happens to objects: Eventarc carries it by Pub/Sub."""
    agent = gcp.storage.get_project_service_account_output(
        project=place.project, opts=pulumi.InvokeOptions(parent=opts.parent)
    )
    return gcp.projects.IAMMember(
        f"{name}-storage-publishes",
        project=place.project,
        role="roles/pubsub.publisher",
        member=agent.email_address.apply(lambda email: f"serviceAccount:{email}"),
        opts=opts,
    )


def trigger(
    name: str,
    use: str,
    criteria: pulumi.Input[Mapping[str, str]],
    *,
    function: gcp.cloudfunctionsv2.Function,
    path: str,
    deliverer: gcp.serviceaccount.Account,
    place: Place,
    opts: pulumi.ResourceOptions,
) -> gcp.eventarc.Trigger:
    """Events that meet all `criteria` (attribute -> value) go to `path` of `function`, as `deliverer`."""
    return gcp.eventarc.Trigger(
        f"{name}-{use}",
        name=unique(name, use),
        location=place.region,
        service_account=deliverer.email,
        matching_criterias=pulumi.Output.from_input(criteria).apply(
            lambda given: [
                gcp.eventarc.TriggerMatchingCriteriaArgs(attribute=attribute, value=value)
                for attribute, value in given.items()
            ]
        ),
        destination=gcp.eventarc.TriggerDestinationArgs(
            cloud_run_service=gcp.eventarc.TriggerDestinationCloudRunServiceArgs(
                service=function.name, region=place.region, path=path
            )
        ),
        opts=opts,
    )
