"""Triggers of Eventarc: what Google's services tell of themselves, delivered to a function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp.event_pipeline import ingress
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


class Wanted(NamedTuple):
    """Events that one trigger delivers."""

    criteria: pulumi.Input[Mapping[str, str]]
    """Attribute -> value; on `document` a pattern of its path."""
    content_type: str | None = None
    """None: JSON."""
    after: pulumi.Resource | None = None
    """What must be there before."""


def triggers(
    name: str,
    wanted: Mapping[str, Wanted],
    *,
    function: gcp.cloudfunctionsv2.Function,
    deliverer: gcp.serviceaccount.Account,
    place: Place,
    opts: pulumi.ResourceOptions,
) -> dict[str, gcp.eventarc.Trigger]:
    """By source: events go to the source's own path of `function`, as `deliverer`."""
    if not wanted:
        return {}
    right = receives(name, deliverer, place, opts=opts)

    def made(source: str, one: Wanted) -> gcp.eventarc.Trigger:
        needed = [right, *([one.after] if one.after else [])]
        return gcp.eventarc.Trigger(
            f"{name}-{source}",
            name=unique(name, source),
            location=place.region,
            service_account=deliverer.email,
            matching_criterias=pulumi.Output.from_input(one.criteria).apply(_criteria),
            event_data_content_type=one.content_type,
            destination=gcp.eventarc.TriggerDestinationArgs(
                cloud_run_service=gcp.eventarc.TriggerDestinationCloudRunServiceArgs(
                    service=function.name, region=place.region, path=ingress(source)
                )
            ),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=needed)),
        )

    return {source: made(source, one) for source, one in wanted.items()}


def _criteria(given: Mapping[str, str]) -> list[gcp.eventarc.TriggerMatchingCriteriaArgs]:
    return [
        gcp.eventarc.TriggerMatchingCriteriaArgs(
            attribute=attribute,
            value=value,
            operator="match-path-pattern" if attribute == "document" else None,
        )
        for attribute, value in given.items()
    ]
