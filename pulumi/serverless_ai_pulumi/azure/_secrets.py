"""Secrets of a function in a vault: the app refers to them, and its identity may read just these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pulumi
from pulumi_azure_native import keyvault, managedidentity

from serverless_ai_patterns.azure import roles
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._roles import assign


class VaultParts(NamedTuple):
    """A vault, the app settings that refer to its secrets, and the rights to read them."""

    vault: keyvault.Vault
    settings: dict[str, pulumi.Output[str]]
    granted: list[pulumi.Resource]


def vault(
    name: str,
    secrets: Mapping[str, pulumi.Input[str]],
    place: Place,
    identity: managedidentity.UserAssignedIdentity,
    *,
    opts: pulumi.ResourceOptions,
) -> VaultParts:
    """A vault that keeps its secrets for 90 days after it is deleted; each app setting is one secret."""
    made = keyvault.Vault(
        name,
        resource_group_name=place.group,
        vault_name=place.packed,
        properties=keyvault.VaultPropertiesArgs(
            tenant_id=identity.tenant_id,
            sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName.STANDARD),
            enable_rbac_authorization=True,
            enable_purge_protection=True,
        ),
        opts=opts,
    )
    settings: dict[str, pulumi.Output[str]] = {}
    granted: list[pulumi.Resource] = []
    for setting, value in secrets.items():
        word = setting.lower().replace("_", "-")
        secret = keyvault.Secret(
            f"{name}-{word}",
            resource_group_name=place.group,
            vault_name=made.name,
            secret_name=word,
            properties=keyvault.SecretPropertiesArgs(value=pulumi.Output.secret(value)),
            opts=opts,
        )
        settings[setting] = secret.properties.apply(
            lambda kept: f"@Microsoft.KeyVault(SecretUri={kept.secret_uri})"
        )
        granted.append(
            assign(
                f"{name}-{word}-read",
                roles.READ_SECRET,
                scope=secret.id,
                principal_id=identity.principal_id,
                opts=opts,
            )
        )
    return VaultParts(made, settings, granted)
