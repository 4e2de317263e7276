"""Pulumi's Azure resources on the local cloud: what the Pulumi door asks for every `azure-native:` token."""

from __future__ import annotations

from collections.abc import Mapping

from serverless_ai_local.doors.pulumi.clouds import Cloud


def cloud() -> Cloud:
    """What answers for `azure-native:`."""
    # Imported here: the environment is needed first, and for every program.
    from serverless_ai_local.azure.from_pulumi.azure_cloud import AzureCloud  # noqa: PLC0415

    return AzureCloud()


def environment(inherited: Mapping[str, str], endpoint: str) -> dict[str, str]:
    """The same variables without those that lead to an account of Azure."""
    return {name: value for name, value in inherited.items() if not name.startswith(("AZURE_", "ARM_"))}
