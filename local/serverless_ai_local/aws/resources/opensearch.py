"""Collections of OpenSearch Serverless, their groups and their policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind
from serverless_ai_local.aws.resources.tagging import Tagging

_SERVICE: Final = "opensearchserverless"


def _change(
    family: str,
) -> Facet:
    """A policy is changed by naming the version that is changed."""

    def apply(context: Context, made: Made, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        kind, _, name = made.physical_id.partition("|")
        about = {"type": kind, "name": name}
        found = call(context, _SERVICE, f"Get{family}Policy", about)[f"{family.lower()}PolicyDetail"]
        changed = {"policy": str(new["Policy"]), "description": str(new.get("Description", ""))}
        version = {"policyVersion": found["policyVersion"]}
        call(context, _SERVICE, f"Update{family}Policy", {**about, **version, **changed})

    return Facet(properties=frozenset({"Policy", "Description"}), apply=apply, in_create=True)


def _policy(family: str) -> Kind:
    return Kind(
        type=f"AWS::OpenSearchServerless::{family}Policy",
        service=_SERVICE,
        create_call=Call(f"Create{family}Policy"),
        delete_call=Call(f"Delete{family}Policy", {"type": "{head}", "name": "{tail}"}),
        ref="{p[Type]}|{p[Name]}",
        immutable=frozenset({"Name", "Type"}),
        facets=(_change(family),),
    )


KINDS: Final = (
    _policy("Access"),
    _policy("Security"),
    Kind(
        type="AWS::OpenSearchServerless::CollectionGroup",
        service=_SERVICE,
        create_call=Call("CreateCollectionGroup"),
        update_call=Call("UpdateCollectionGroup", {"id": "{id}"}),
        delete_call=Call("DeleteCollectionGroup", {"id": "{id}"}),
        read_call=Call("BatchGetCollectionGroup", {"ids": ["{id}"]}),
        ref="{answer[createCollectionGroupDetail][id]}",
        attributes={"Arn": "{answer[collectionGroupDetails][0][arn]}", "Id": "{id}"},
        immutable=frozenset({"Name", "StandbyReplicas", "Generation"}),
        resets={"Description": ""},
        tagging=Tagging(target="{made[Arn]}"),
    ),
    Kind(
        type="AWS::OpenSearchServerless::Collection",
        service=_SERVICE,
        create_call=Call("CreateCollection"),
        update_call=Call("UpdateCollection", {"id": "{id}"}),
        delete_call=Call("DeleteCollection", {"id": "{id}"}),
        read_call=Call("BatchGetCollection", {"ids": ["{id}"]}),
        ref="{answer[createCollectionDetail][id]}",
        attributes={
            "Arn": "{answer[collectionDetails][0][arn]}",
            "CollectionEndpoint": "{answer[collectionDetails][0][collectionEndpoint]}",
            "DashboardEndpoint": "{answer[collectionDetails][0][dashboardEndpoint]}",
            "Id": "{id}",
            "KmsKeyArn": "{answer[collectionDetails][0][kmsKeyArn]}",
        },
        immutable=frozenset({"CollectionGroupName", "EncryptionConfig", "Name", "StandbyReplicas", "Type"}),
        resets={"Description": "", "DeletionProtection": "DISABLED"},
        tagging=Tagging(target="{made[Arn]}"),
    ),
)
