"""The container of a pattern's transient state: sessions, budgets, events already seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import cosmosdb

from serverless_ai_patterns.azure import roles
from serverless_ai_pulumi.azure._key import Encryption, after
from serverless_ai_pulumi.azure._place import Place, part_of
from serverless_ai_runtime.adapters.azure.cosmos import CONSISTENCY, DEFAULT_TTL, KEY

DATABASE: Final = "state"
CONTAINER: Final = "records"


@dataclass(frozen=True, kw_only=True, slots=True)
class StateContainer:
    """A Cosmos DB container (partition key /pk, TTL on) with the account it is in."""

    account: cosmosdb.DatabaseAccount
    container: cosmosdb.SqlResourceSqlContainer

    @property
    def url(self) -> pulumi.Output[str]:
        """The container as the data plane's REST API names it."""
        return pulumi.Output.all(self.account.document_endpoint, self.container.id).apply(
            lambda made: f"{_without_port(made[0])}/{_path(made[1])}"
        )

    @property
    def scope(self) -> pulumi.Output[str]:
        """The container as a role assignment of the data plane names it."""
        return pulumi.Output.all(self.account.id, self.container.id).apply(
            lambda made: f"{made[0]}/{_path(made[1])}"
        )


def state_container(
    name: str,
    place: Place,
    location: pulumi.Input[str],
    *,
    encryption: Encryption | None,
    opts: pulumi.ResourceOptions,
) -> StateContainer:
    """Serverless, no keys, records expire, restorable to any second of 7 days; removed with the stack."""
    account = _account(name, place, location, encryption, opts)
    container = _container(name, place, account, opts)
    return StateContainer(account=account, container=container)


def _account(
    name: str,
    place: Place,
    location: pulumi.Input[str],
    encryption: Encryption | None,
    opts: pulumi.ResourceOptions,
) -> cosmosdb.DatabaseAccount:
    return cosmosdb.DatabaseAccount(
        name,
        resource_group_name=place.group,
        account_name=place.unique,
        kind=cosmosdb.DatabaseAccountKind.GLOBAL_DOCUMENT_DB,
        database_account_offer_type=cosmosdb.DatabaseAccountOfferType.STANDARD,
        locations=[cosmosdb.LocationArgs(location_name=location, failover_priority=0)],
        capabilities=[cosmosdb.CapabilityArgs(name="EnableServerless")],
        consistency_policy=cosmosdb.ConsistencyPolicyArgs(
            default_consistency_level=cosmosdb.DefaultConsistencyLevel(CONSISTENCY)
        ),
        backup_policy=cosmosdb.ContinuousModeBackupPolicyArgs(
            type="Continuous",
            continuous_mode_properties=cosmosdb.ContinuousModePropertiesArgs(
                tier=cosmosdb.ContinuousTier.CONTINUOUS7_DAYS
            ),
        ),
        disable_local_auth=True,
        disable_key_based_metadata_write_access=True,
        minimal_tls_version=cosmosdb.MinimalTlsVersion.TLS12,
        identity=encryption.for_records if encryption else None,
        default_identity=encryption.default_identity if encryption else None,
        key_vault_key_uri=encryption.key.key_uri if encryption else None,
        opts=after(encryption, opts),
    )


def _container(
    name: str, place: Place, account: cosmosdb.DatabaseAccount, opts: pulumi.ResourceOptions
) -> cosmosdb.SqlResourceSqlContainer:
    database = cosmosdb.SqlResourceSqlDatabase(
        f"{name}-database",
        resource_group_name=place.group,
        account_name=account.name,
        database_name=DATABASE,
        resource=cosmosdb.SqlDatabaseResourceArgs(id=DATABASE),
        opts=opts,
    )
    return cosmosdb.SqlResourceSqlContainer(
        f"{name}-container",
        resource_group_name=place.group,
        account_name=account.name,
        database_name=database.name,
        container_name=CONTAINER,
        resource=cosmosdb.SqlContainerResourceArgs(
            id=CONTAINER,
            partition_key=cosmosdb.ContainerPartitionKeyArgs(
                kind=cosmosdb.PartitionKind.HASH, paths=[f"/{KEY}"]
            ),
            default_ttl=DEFAULT_TTL,
            # Records are asked for by key only, but a container with TTL must have an index: an empty one.
            indexing_policy=cosmosdb.IndexingPolicyArgs(
                indexing_mode=cosmosdb.IndexingMode.CONSISTENT,
                automatic=True,
                excluded_paths=[cosmosdb.ExcludedPathArgs(path="/*")],
            ),
        ),
        opts=opts,
    )


def use_records(
    name: str,
    state: StateContainer,
    principal_id: pulumi.Output[str],
    *,
    opts: pulumi.ResourceOptions,
) -> cosmosdb.SqlResourceSqlRoleAssignment:
    """Let an identity read and write the records of `state`, and of no other container."""
    role = roles.USE_RECORDS
    return cosmosdb.SqlResourceSqlRoleAssignment(
        name,
        resource_group_name=state.account.id.apply(lambda id_: part_of(id_, "resourceGroups")),
        account_name=state.account.name,
        principal_id=principal_id,
        role_assignment_id=pulumi.Output.all(state.scope, principal_id).apply(
            lambda made: roles.assignment_name(made[0], made[1], role.id)
        ),
        role_definition_id=state.account.id.apply(lambda id_: f"{id_}/sqlRoleDefinitions/{role.id}"),
        scope=state.scope,
        opts=opts,
    )


def _path(container_id: str) -> str:
    return f"dbs/{part_of(container_id, 'sqlDatabases')}/colls/{part_of(container_id, 'containers')}"


def _without_port(endpoint: str) -> str:
    """Cosmos DB names its endpoint with the port that https has anyway."""
    return endpoint.rstrip("/").removesuffix(":443")
