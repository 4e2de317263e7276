"""What the Google Cloud provider would answer, as far as a component or its users read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recorder import Cloud, Recording

from serverless_ai_runtime.config import FunctionLlmConfig, GcpEdgeConfig, from_env

PROJECT = "shop-123"
REGION = "europe-west1"
AGENT = "serviceAccount:service-42@gcp-sa-pubsub.iam.gserviceaccount.com"

# The input that names a resource, where it is not `name`.
NAMED_BY = {
    "gcp:apigateway/api:Api": "apiId",
    "gcp:apigateway/gateway:Gateway": "gatewayId",
    "gcp:artifactregistry/repository:Repository": "repositoryId",
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": "bucketId",
    "gcp:projects/iAMCustomRole:IAMCustomRole": "roleId",
    "gcp:secretmanager/secret:Secret": "secretId",
    "gcp:serviceaccount/account:Account": "accountId",
    "gcp:vectorsearch/collection:Collection": "collectionId",
    "gcp:vertex/aiIndexEndpointDeployedIndex:AiIndexEndpointDeployedIndex": "deployedIndexId",
}
IDS = {
    "gcp:artifactregistry/repository:Repository": f"projects/{PROJECT}/locations/{REGION}/repositories/",
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": f"projects/{PROJECT}/locations/{REGION}/buckets/",
    "gcp:monitoring/dashboard:Dashboard": "projects/42/dashboards/",
    "gcp:pubsub/subscription:Subscription": f"projects/{PROJECT}/subscriptions/",
    "gcp:pubsub/topic:Topic": f"projects/{PROJECT}/topics/",
    "gcp:secretmanager/secret:Secret": f"projects/{PROJECT}/secrets/",
    "gcp:firestore/database:Database": f"projects/{PROJECT}/databases/",
    "gcp:vectorsearch/collection:Collection": f"projects/{PROJECT}/locations/{REGION}/collections/",
    "gcp:vertex/aiIndex:AiIndex": f"projects/{PROJECT}/locations/{REGION}/indexes/",
    "gcp:vertex/aiIndexEndpoint:AiIndexEndpoint": f"projects/{PROJECT}/locations/{REGION}/indexEndpoints/",
}


def email(name: str) -> str:
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


# What the provider computes and the component or its users read, by resource type.
COMPUTED: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "gcp:apigateway/gateway:Gateway": {"defaultHostname": lambda name: f"{name}-x.ew.gateway.dev"},
    "gcp:cloudfunctionsv2/function:Function": {
        "serviceConfig": lambda name: {"uri": f"https://{name}-x.a.run.app"}
    },
    "gcp:vertex/aiIndexEndpoint:AiIndexEndpoint": {
        "publicEndpointDomainName": lambda name: f"{name}.europe-west1-42.vdb.vertexai.goog"
    },
    "gcp:projects/iAMCustomRole:IAMCustomRole": {"name": lambda name: f"projects/{PROJECT}/roles/{name}"},
    "gcp:projects/serviceIdentity:ServiceIdentity": {"member": lambda _: AGENT},
    "gcp:secretmanager/secretVersion:SecretVersion": {"version": lambda _: "1"},
    "gcp:serviceaccount/account:Account": {
        "name": lambda name: f"projects/{PROJECT}/serviceAccounts/{email(name)}",
        "email": email,
        "member": lambda name: f"serviceAccount:{email(name)}",
        "uniqueId": lambda name: f"unique-id-of-{name}",
    },
}
STORAGE_ACCOUNT = "gcp:storage/getProjectServiceAccount:getProjectServiceAccount"
CLIENT = "gcp:organizations/getClientConfig:getClientConfig"
ANSWER = {
    "id": "x",
    "project": PROJECT,
    "region": REGION,
    "zone": "",
    "accessToken": "t",
    "defaultLabels": {},
}


def cloud(**place: str) -> Cloud:
    """The provider, set to `place`."""
    return Cloud(
        project="serverless-ai-gcp",
        computed=COMPUTED,
        invokes={CLIENT: {**ANSWER, **place}, STORAGE_ACCOUNT: _storage_account()},
        name_of=lambda kind, name, inputs: inputs.get(NAMED_BY.get(kind, "name"), f"{name}-0a1b2c3"),
        id_of=lambda kind, name, physical, _: f"{IDS[kind]}{physical}" if kind in IDS else f"{name}-id",
    )


def _storage_account() -> dict[str, str]:
    """Cloud Storage's own account of the project."""
    email = "service-1@gs-project-accounts.iam.gserviceaccount.com"
    return {"id": email, "emailAddress": email, "member": f"serviceAccount:{email}", "project": PROJECT}


def account(recording: Recording, use: str) -> str:
    """E-mail address of the service account for `use` of component `chat`."""
    return email(recording.one("Account", f"chat-{use}").physical)


def told(recording: Recording) -> FunctionLlmConfig:
    """What the function is told of the pattern."""
    return from_env(FunctionLlmConfig, _variables(recording))


def edge(recording: Recording) -> GcpEdgeConfig:
    """What the function is told of its callers."""
    return from_env(GcpEdgeConfig, _variables(recording))


def _variables(recording: Recording) -> dict[str, str]:
    return recording.one("Function").inputs["serviceConfig"]["environmentVariables"]
