"""A key of yours that storage, records and the model's account are encrypted with."""

from __future__ import annotations

from typing import NamedTuple

import pulumi
from pulumi_azure_native import cognitiveservices, cosmosdb, keyvault, managedidentity, storage

from serverless_ai_patterns.azure import roles
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._roles import assign


class Encryption(NamedTuple):
    """An identity that may use the key and nothing else; the function itself may not."""

    identity: managedidentity.UserAssignedIdentity
    key: keyvault.Key
    granted: pulumi.Resource

    @property
    def vault_uri(self) -> pulumi.Output[str]:
        return self.key.key_uri.apply(lambda uri: uri.rsplit("/keys/", 1)[0])

    @property
    def for_storage(self) -> storage.EncryptionArgs:
        return storage.EncryptionArgs(
            key_source=storage.KeySource.MICROSOFT_KEYVAULT,
            encryption_identity=storage.EncryptionIdentityArgs(
                encryption_user_assigned_identity=self.identity.id
            ),
            key_vault_properties=storage.KeyVaultPropertiesArgs(
                key_name=self.key.name, key_vault_uri=self.vault_uri
            ),
        )

    @property
    def for_model(self) -> cognitiveservices.EncryptionArgs:
        return cognitiveservices.EncryptionArgs(
            key_source=cognitiveservices.KeySource.MICROSOFT_KEY_VAULT,
            key_vault_properties=cognitiveservices.KeyVaultPropertiesArgs(
                identity_client_id=self.identity.client_id,
                key_name=self.key.name,
                key_vault_uri=self.vault_uri,
                key_version=self.key.key_uri_with_version.apply(lambda uri: uri.rsplit("/", 1)[1]),
            ),
        )

    @property
    def for_records(self) -> cosmosdb.ManagedServiceIdentityArgs:
        return cosmosdb.ManagedServiceIdentityArgs(
            type=cosmosdb.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[self.identity.id]
        )

    @property
    def default_identity(self) -> pulumi.Output[str]:
        """How Cosmos DB is told which of its identities reads the key."""
        return pulumi.Output.concat("UserAssignedIdentity=", self.identity.id)


def encryption(name: str, place: Place, key: keyvault.Key, *, opts: pulumi.ResourceOptions) -> Encryption:
    """The key's vault must have purge protection: the services refuse one without."""
    identity = managedidentity.UserAssignedIdentity(
        f"{name}-identity", resource_group_name=place.group, opts=opts
    )
    granted = assign(
        f"{name}-use", roles.USE_KEY, scope=key.id, principal_id=identity.principal_id, opts=opts
    )
    return Encryption(identity, key, granted)


def after(encryption: Encryption | None, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """`opts` of a resource that needs the key: it waits until the key may be used."""
    if encryption is None:
        return opts
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[encryption.granted]))
