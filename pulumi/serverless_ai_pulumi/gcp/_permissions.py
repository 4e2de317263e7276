"""Everything that the function's own account may do, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp import policy
from serverless_ai_pulumi.gcp._identity import custom_role, on_project


def grants(
    name: str,
    identity: gcp.serviceaccount.Account,
    *,
    project: pulumi.Output[str],
    model: bool = True,
    database: gcp.firestore.Database | None,
    scans: bool = False,
    topics: Mapping[str, gcp.pubsub.Topic | None],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Call a model, use the records of `database` and no other, publish to `topics` (by use).

    `scans`: go through the records too.
    """
    label = f"{name}-function"
    granted: list[pulumi.Resource] = []
    if model:
        predict = custom_role(name, "model", policy.PREDICT, opts=opts)
        granted.append(on_project(f"{label}-model", identity, predict.name, project=project, opts=opts))
    if database is not None:
        records = custom_role(name, "records", policy.SCANNED_RECORDS if scans else policy.RECORDS, opts=opts)
        here = pulumi.Output.all(project, database.name).apply(lambda at: policy.only_database(*at))
        granted.append(
            on_project(f"{label}-records", identity, records.name, project=project, condition=here, opts=opts)
        )
    granted += [
        gcp.pubsub.TopicIAMMember(
            f"{label}-{use}",
            topic=topic.name,
            role="roles/pubsub.publisher",
            member=identity.member,
            opts=opts,
        )
        for use, topic in topics.items()
        if topic is not None
    ]
    return granted
