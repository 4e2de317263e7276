"""An IoT hub whose telemetry is told by Event Grid."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import iothub

from serverless_ai_pulumi.azure._place import Place


def hub(name: str, place: Place, *, opts: pulumi.ResourceOptions) -> iothub.IotHubResource:
    """A hub that devices reach with keys or certificates of their own, and services with tokens only.

    The route of its messages ends at the endpoint `eventgrid`, which every hub has. Its size is S1: of the
    free one a subscription can have only one.
    """
    route = iothub.RoutePropertiesArgs(
        name="telemetry",
        source=iothub.RoutingSource.DEVICE_MESSAGES,
        condition="true",
        endpoint_names=["eventgrid"],
        is_enabled=True,
    )
    return iothub.IotHubResource(
        name,
        resource_group_name=place.group,
        resource_name_=place.unique,
        sku=iothub.IotHubSkuInfoArgs(name=iothub.IotHubSku.S1, capacity=1),
        properties=iothub.IotHubPropertiesArgs(
            disable_local_auth=True,
            min_tls_version="1.2",
            routing=iothub.RoutingPropertiesArgs(routes=[route]),
        ),
        opts=opts,
    )
