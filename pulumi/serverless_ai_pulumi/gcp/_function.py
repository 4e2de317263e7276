"""A Cloud Run function: private, scaled to zero, many requests an instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns import bundle
from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings
from serverless_ai_patterns.gcp import function_llm as shared
from serverless_ai_pulumi.gcp._build import CLOUD, Build
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._secrets import Reference

RUNTIME = "python313"


@dataclass(frozen=True, kw_only=True, slots=True)
class VpcPlacement:
    """Where in your network a function's calls leave from (direct VPC egress, no connector and no idle cost).

    All of them do: the subnetwork needs Private Google Access, and a way out to an issuer of your own.
    """

    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    tags: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None


def handler_function(
    name: str,
    *,
    pattern: str,
    settings: FunctionSettings | WorkerSettings,
    most_instances: int,
    concurrency: int = shared.CONCURRENCY,
    identity: gcp.serviceaccount.Account,
    build: Build,
    environment: pulumi.Input[Mapping[str, pulumi.Input[str]]],
    secrets: Sequence[Reference],
    region: pulumi.Input[str],
    vpc: VpcPlacement | None,
    key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> gcp.cloudfunctionsv2.Function:
    """The handler of `pattern`. Its URL is public, and answers nobody but its invokers."""
    return gcp.cloudfunctionsv2.Function(
        f"{name}-function",
        name=unique(name),
        location=region,
        build_config=_build_config(pattern, build),
        service_config=gcp.cloudfunctionsv2.FunctionServiceConfigArgs(
            available_cpu=str(shared.cpus(settings)),
            available_memory=f"{settings.memory_mb}Mi",
            timeout_seconds=settings.timeout_s,
            min_instance_count=0,
            max_instance_count=most_instances,
            max_instance_request_concurrency=concurrency,
            all_traffic_on_latest_revision=True,
            ingress_settings="ALLOW_ALL",
            service_account_email=identity.email,
            environment_variables=environment,
            secret_environment_variables=list(secrets) or None,
            direct_vpc_egress="VPC_EGRESS_ALL_TRAFFIC" if vpc else None,
            direct_vpc_network_interfaces=[_interface(vpc)] if vpc else None,
        ),
        kms_key_name=key,
        opts=opts,
    )


def url_of(function: gcp.cloudfunctionsv2.Function) -> pulumi.Output[str]:
    """The URL of the function's service, without a slash at its end; also the audience of tokens for it."""
    # Google sets it; in a preview this is unknown, as the whole block that it stands in.
    return function.service_config.apply(lambda service: cast("str", service and service.uri))


def _build_config(pattern: str, build: Build) -> gcp.cloudfunctionsv2.FunctionBuildConfigArgs:
    return gcp.cloudfunctionsv2.FunctionBuildConfigArgs(
        runtime=RUNTIME,
        entry_point=bundle.handler(pattern, CLOUD),
        service_account=build.builder.name,
        docker_repository=build.repository.id,
        source=gcp.cloudfunctionsv2.FunctionBuildConfigSourceArgs(
            storage_source=gcp.cloudfunctionsv2.FunctionBuildConfigSourceStorageSourceArgs(
                bucket=build.bucket.name, object=build.source.name
            )
        ),
    )


def _interface(
    vpc: VpcPlacement,
) -> gcp.cloudfunctionsv2.FunctionServiceConfigDirectVpcNetworkInterfaceArgs:
    return gcp.cloudfunctionsv2.FunctionServiceConfigDirectVpcNetworkInterfaceArgs(
        network=vpc.network, subnetwork=vpc.subnetwork, tags=vpc.tags
    )
