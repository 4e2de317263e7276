"""Secrets of a function in Secret Manager: variables refer to them, and its account may read just these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp.secret_variables import word
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place

LATEST = "latest"

Secrets = Mapping[str, pulumi.Input[str] | gcp.secretmanager.Secret]
"""Variable -> its value, or a secret that exists already."""
Reference = gcp.cloudfunctionsv2.FunctionServiceConfigSecretEnvironmentVariableArgs


class SecretParts(NamedTuple):
    """Variable -> its secret, the references to them, and the rights to read them."""

    secrets: dict[str, gcp.secretmanager.Secret]
    references: list[Reference]
    granted: list[pulumi.Resource]


def keep_secrets(
    name: str,
    given: Secrets,
    identity: gcp.serviceaccount.Account,
    *,
    place: Place,
    key: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> SecretParts:
    """A value becomes a secret of one version, in the region alone; another value is another version of it.

    Of a secret that exists already an instance reads the version that is the latest when it starts.
    """
    secrets = dict[str, gcp.secretmanager.Secret]()
    references = list[Reference]()
    granted = list[pulumi.Resource]()
    for variable, value in given.items():
        label = f"{name}-secret-{word(variable)}"
        version: pulumi.Input[str] = LATEST
        if isinstance(value, gcp.secretmanager.Secret):
            secret = value
        else:
            secret = _secret(label, unique(name, variable), place, key, opts)
            version = gcp.secretmanager.SecretVersion(
                label, secret=secret.id, secret_data=pulumi.Output.secret(value), opts=opts
            ).version
        secrets[variable] = secret
        references.append(
            Reference(key=variable, project_id=secret.project, secret=secret.secret_id, version=version)
        )
        granted.append(_readable(label, secret, identity, opts))
    return SecretParts(secrets, references, granted)


def _secret(
    label: str, secret_id: str, place: Place, key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> gcp.secretmanager.Secret:
    encryption = None
    if key is not None:
        encryption = gcp.secretmanager.SecretReplicationUserManagedReplicaCustomerManagedEncryptionArgs(
            kms_key_name=key
        )
    replica = gcp.secretmanager.SecretReplicationUserManagedReplicaArgs(
        location=place.region, customer_managed_encryption=encryption
    )
    return gcp.secretmanager.Secret(
        label,
        secret_id=secret_id,
        project=place.project,
        replication=gcp.secretmanager.SecretReplicationArgs(
            user_managed=gcp.secretmanager.SecretReplicationUserManagedArgs(replicas=[replica])
        ),
        opts=opts,
    )


def _readable(
    label: str,
    secret: gcp.secretmanager.Secret,
    identity: gcp.serviceaccount.Account,
    opts: pulumi.ResourceOptions,
) -> gcp.secretmanager.SecretIamMember:
    return gcp.secretmanager.SecretIamMember(
        f"{label}-read",
        project=secret.project,
        secret_id=secret.secret_id,
        role="roles/secretmanager.secretAccessor",
        member=identity.member,
        opts=opts,
    )
