"""Pulumi's names of the resource types that services look for."""

from __future__ import annotations

from typing import Final

ACCOUNT: Final = "gcp:serviceaccount/account:Account"
ALLOYDB_CLUSTER: Final = "gcp:alloydb/cluster:Cluster"
ALLOYDB_INSTANCE: Final = "gcp:alloydb/instance:Instance"
ALLOYDB_USER: Final = "gcp:alloydb/user:User"
API: Final = "gcp:apigateway/api:Api"
API_CONFIG: Final = "gcp:apigateway/apiConfig:ApiConfig"
BUCKET_MEMBER: Final = "gcp:storage/bucketIAMMember:BucketIAMMember"
BUCKET: Final = "gcp:storage/bucket:Bucket"
COLLECTION: Final = "gcp:vectorsearch/collection:Collection"
CUSTOM_ROLE: Final = "gcp:projects/iAMCustomRole:IAMCustomRole"
DATABASE: Final = "gcp:firestore/database:Database"
DEPLOYED_INDEX: Final = "gcp:vertex/aiIndexEndpointDeployedIndex:AiIndexEndpointDeployedIndex"
FIELD: Final = "gcp:firestore/field:Field"
INDEX: Final = "gcp:firestore/index:Index"
FUNCTION: Final = "gcp:cloudfunctionsv2/function:Function"
GATEWAY: Final = "gcp:apigateway/gateway:Gateway"
GLOBAL_ADDRESS: Final = "gcp:compute/globalAddress:GlobalAddress"
VERTEX_INDEX: Final = "gcp:vertex/aiIndex:AiIndex"
INDEX_ENDPOINT: Final = "gcp:vertex/aiIndexEndpoint:AiIndexEndpoint"
JOB: Final = "gcp:cloudscheduler/job:Job"
NETWORK: Final = "gcp:compute/network:Network"
OBJECT: Final = "gcp:storage/bucketObject:BucketObject"
PEERING: Final = "gcp:servicenetworking/connection:Connection"
PROJECT_MEMBER: Final = "gcp:projects/iAMMember:IAMMember"
PROCESSOR: Final = "gcp:essentialcontacts/documentAiProcessor:DocumentAiProcessor"
REPOSITORY: Final = "gcp:artifactregistry/repository:Repository"
REPOSITORY_MEMBER: Final = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
SECRET: Final = "gcp:secretmanager/secret:Secret"  # noqa: S105 - a type
SECRET_MEMBER: Final = "gcp:secretmanager/secretIamMember:SecretIamMember"  # noqa: S105 - a type
SECRET_VERSION: Final = "gcp:secretmanager/secretVersion:SecretVersion"  # noqa: S105 - a type
SERVICE_BINDING: Final = "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding"
SERVICE_MEMBER: Final = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
SUBSCRIPTION: Final = "gcp:pubsub/subscription:Subscription"
SUBSCRIPTION_MEMBER: Final = "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember"
SUBNETWORK: Final = "gcp:compute/subnetwork:Subnetwork"
TOPIC: Final = "gcp:pubsub/topic:Topic"
TRIGGER: Final = "gcp:eventarc/trigger:Trigger"
TOPIC_MEMBER: Final = "gcp:pubsub/topicIAMMember:TopicIAMMember"
