"""A Foundry account with one model in it; a model at the end of its life makes a warning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import pulumi
from pulumi_azure_native import cognitiveservices

from serverless_ai_patterns.models_azure import AzureModel, resolve_azure
from serverless_ai_pulumi._model_life import warn_of_old_model
from serverless_ai_pulumi.azure._guardrail import guardrail
from serverless_ai_pulumi.azure._key import Encryption, after
from serverless_ai_pulumi.azure._place import Place

DEPLOYMENT: Final = "chat"


def model_for(component: pulumi.ComponentResource, name: str) -> AzureModel:
    """The model behind alias or id `name`; raises ValueError for what Foundry cannot have."""
    model = resolve_azure(name)
    warn_of_old_model(component, model, datetime.now(UTC).date())
    return model


class ModelParts(NamedTuple):
    """A Foundry account with one deployment."""

    account: cognitiveservices.Account
    guardrail: cognitiveservices.RaiPolicy | None
    deployment: cognitiveservices.Deployment
    project: cognitiveservices.Project


def foundry(
    name: str,
    place: Place,
    model: AzureModel,
    *,
    capacity: int | None,
    guarded: bool,
    encryption: Encryption | None,
    opts: pulumi.ResourceOptions,
) -> ModelParts:
    """An account that serves `model`, and its project, where Foundry's portal shows it.

    One after the other: an account refuses a change while it makes another.
    """
    account = ai_account(name, place, encryption=encryption, opts=opts)
    rules = guardrail(f"{name}-guardrail", place, account, opts=opts) if guarded else None
    served = _deployment(
        f"{name}-deployment", DEPLOYMENT, place, account, model, capacity=capacity, guardrail=rules, opts=opts
    )
    project = cognitiveservices.Project(
        f"{name}-project",
        resource_group_name=place.group,
        account_name=account.name,
        identity=cognitiveservices.IdentityArgs(type=cognitiveservices.ResourceIdentityType.SYSTEM_ASSIGNED),
        properties=cognitiveservices.ProjectPropertiesArgs(display_name=place.name),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[served])),
    )
    return ModelParts(account, rules, served, project)


def further(
    name: str,
    place: Place,
    parts: ModelParts,
    models: Mapping[str, AzureModel],
    *,
    opts: pulumi.ResourceOptions,
) -> dict[str, cognitiveservices.Deployment]:
    """More models of the same account by the names of their deployments, made one after the other."""
    made: dict[str, cognitiveservices.Deployment] = {}
    before: pulumi.Resource = parts.project
    for deployment, model in models.items():
        waits = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[before]))
        before = made[deployment] = _deployment(
            f"{name}-{deployment}", deployment, place, parts.account, model, opts=waits
        )
    return made


def ai_account(
    name: str, place: Place, *, encryption: Encryption | None, opts: pulumi.ResourceOptions
) -> cognitiveservices.Account:
    """A Foundry account without keys. Its subdomain is what tokens are made out to."""
    identity = cognitiveservices.IdentityArgs(type=cognitiveservices.ResourceIdentityType.SYSTEM_ASSIGNED)
    if encryption is not None:
        identity = cognitiveservices.IdentityArgs(
            type=cognitiveservices.ResourceIdentityType.SYSTEM_ASSIGNED_USER_ASSIGNED,
            user_assigned_identities=[encryption.identity.id],
        )
    return cognitiveservices.Account(
        name,
        resource_group_name=place.group,
        account_name=place.unique,
        kind="AIServices",
        sku=cognitiveservices.SkuArgs(name="S0"),
        identity=identity,
        properties=cognitiveservices.AccountPropertiesArgs(
            custom_sub_domain_name=place.unique,
            allow_project_management=True,
            disable_local_auth=True,
            encryption=encryption.for_model if encryption else None,
        ),
        opts=after(encryption, opts),
    )


def _deployment(
    name: str,
    deployment: str,
    place: Place,
    account: cognitiveservices.Account,
    model: AzureModel,
    *,
    capacity: int | None = None,
    guardrail: cognitiveservices.RaiPolicy | None = None,
    opts: pulumi.ResourceOptions,
) -> cognitiveservices.Deployment:
    """Exactly this version of the model: it changes with the program and not by itself."""
    return cognitiveservices.Deployment(
        name,
        resource_group_name=place.group,
        account_name=account.name,
        deployment_name=deployment,
        sku=cognitiveservices.SkuArgs(name=model.sku, capacity=capacity or model.capacity),
        properties=cognitiveservices.DeploymentPropertiesArgs(
            model=cognitiveservices.DeploymentModelArgs(
                format=model.format, name=model.base_id, version=model.version
            ),
            version_upgrade_option=cognitiveservices.DeploymentModelVersionUpgradeOption.NO_AUTO_UPGRADE,
            rai_policy_name=guardrail.name if guardrail else None,
        ),
        opts=opts,
    )


def model_endpoint(account: cognitiveservices.Account) -> pulumi.Output[str]:
    """Base URL of the account's v1 API, which the endpoint it names for its older APIs does not serve."""
    return account.properties.apply(
        lambda made: made.endpoint.rstrip("/").replace(_OLD_HOST, _V1_HOST) + "/openai/v1"
    )


_OLD_HOST: Final = ".cognitiveservices.azure.com"
_V1_HOST: Final = ".services.ai.azure.com"
