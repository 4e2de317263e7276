"""The container of a pattern's transient state: sessions, budgets, events already seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_azure_native import cosmosdb

from serverless_ai_patterns.azure import roles
from serverless_ai_patterns.azure.roles import Role
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
        return container_url(self.account, self.container)


def state_container(
    name: str,
    place: Place,
    location: pulumi.Input[str],
    *,
    capabilities: Sequence[str] = (),
    encryption: Encryption | None,
    opts: pulumi.ResourceOptions,
) -> StateContainer:
    """Serverless, no keys, records expire, restorable to any second of 7 days; removed with the stack.

    `capabilities`: more of the account's, for other containers in it.
    """
    account = _account(name, place, location, capabilities=capabilities, encryption=encryption, opts=opts)
    container = _container(name, place, account, opts)
    return StateContainer(account=account, container=container)


def _account(
    name: str,
    place: Place,
    location: pulumi.Input[str],
    *,
    capabilities: Sequence[str],
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
        capabilities=[cosmosdb.CapabilityArgs(name=one) for one in ("EnableServerless", *capabilities)],
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
    database = sql_database(f"{name}-database", DATABASE, place, account, opts=opts)
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


def sql_database(
    name: str,
    database_name: str,
    place: Place,
    account: cosmosdb.DatabaseAccount,
    *,
    opts: pulumi.ResourceOptions,
) -> cosmosdb.SqlResourceSqlDatabase:
    return cosmosdb.SqlResourceSqlDatabase(
        name,
        resource_group_name=place.group,
        account_name=account.name,
        database_name=database_name,
        resource=cosmosdb.SqlDatabaseResourceArgs(id=database_name),
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
    return use_container(name, roles.USE_RECORDS, state.account, state.container, principal_id, opts=opts)


def use_container(
    name: str,
    role: Role,
    account: cosmosdb.DatabaseAccount,
    container: cosmosdb.SqlResourceSqlContainer,
    principal_id: pulumi.Output[str],
    *,
    opts: pulumi.ResourceOptions,
) -> cosmosdb.SqlResourceSqlRoleAssignment:
    """Let an identity do what `role`, one of the data plane's, says with one container."""
    scope = pulumi.Output.all(account.id, container.id).apply(lambda made: f"{made[0]}/{_path(made[1])}")
    return cosmosdb.SqlResourceSqlRoleAssignment(
        name,
        resource_group_name=account.id.apply(lambda id_: part_of(id_, "resourceGroups")),
        account_name=account.name,
        principal_id=principal_id,
        role_assignment_id=pulumi.Output.all(scope, principal_id).apply(
            lambda made: roles.assignment_name(made[0], made[1], role.id)
        ),
        role_definition_id=account.id.apply(lambda id_: f"{id_}/sqlRoleDefinitions/{role.id}"),
        scope=scope,
        opts=opts,
    )


def container_url(
    account: cosmosdb.DatabaseAccount, container: cosmosdb.SqlResourceSqlContainer
) -> pulumi.Output[str]:
    """A container as the data plane's REST API names it."""
    return pulumi.Output.all(account.document_endpoint, container.id).apply(
        lambda made: f"{_without_port(made[0])}/{_path(made[1])}"
    )


def _path(container_id: str) -> str:
    return f"dbs/{part_of(container_id, 'sqlDatabases')}/colls/{part_of(container_id, 'containers')}"


def _without_port(endpoint: str) -> str:
    """Cosmos DB names its endpoint with the port that https has anyway."""
    return endpoint.rstrip("/").removesuffix(":443")
