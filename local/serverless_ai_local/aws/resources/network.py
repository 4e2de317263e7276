"""EC2 networks: what a function in a VPC stands in. They are records; nothing is isolated on this machine."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.aws.resources.calls import call, fitted
from serverless_ai_local.aws.resources.kind import Call, Facet, Kind, Properties
from serverless_ai_local.aws.resources.naming import Name
from serverless_ai_local.aws.resources.tagging import Tagging

_GROUP: Final = "AWS::EC2::SecurityGroup"
_TAGGING: Final = Tagging(target="{id}", tag="CreateTags", untag="DeleteTags", system=False)


def _switch(service_call: str, about: str, property_: str) -> Facet:
    """A property that is switched on or off by a call of its own."""

    def apply(context: Context, made: Made, old: Properties, new: Properties) -> None:
        on = str(new.get(property_, False)).lower() == "true"
        call(context, "ec2", service_call, {about: made.physical_id, property_: {"Value": on}})

    return Facet(properties=frozenset({property_}), apply=apply)


def _permission(rule: Properties) -> dict[str, Any]:
    """One rule of a security group in the API's words; an unknown key is refused when it is fitted."""
    permission = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule}
    note = {"Description": rule["Description"]} if "Description" in rule else {}
    others = {
        "CidrIp": ("IpRanges", "CidrIp"),
        "CidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "SourceSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
        "DestinationSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
        "SourcePrefixListId": ("PrefixListIds", "PrefixListId"),
        "DestinationPrefixListId": ("PrefixListIds", "PrefixListId"),
    }
    for key, (many, one) in others.items():
        if key in rule:
            permission[many] = [{one: rule[key], **note}]
    known = {"IpProtocol", "FromPort", "ToPort", "Description", *others}
    return {**permission, **{key: value for key, value in rule.items() if key not in known}}


def _rules(property_: str, direction: str) -> Facet:
    def apply(context: Context, made: Made, old: Properties, new: Properties) -> None:
        before = [_permission(rule) for rule in old.get(property_, [])]
        after = [_permission(rule) for rule in new.get(property_, [])]
        for verb, permissions in (
            ("Revoke", [each for each in before if each not in after]),
            ("Authorize", [each for each in after if each not in before]),
        ):
            if permissions:
                parameters = {"GroupId": made.physical_id, "IpPermissions": permissions}
                fitted(context, "ec2", f"{verb}SecurityGroup{direction}", parameters, _GROUP)

    return Facet(properties=frozenset({property_}), apply=apply)


def _only_given_egress(context: Context, made: Made, old: Properties, new: Properties) -> None:
    """A new group may send everywhere; one that lists where it may send must lose that first."""
    if not old:
        groups = call(context, "ec2", "DescribeSecurityGroups", {"GroupIds": [made.physical_id]})[
            "SecurityGroups"
        ]
        everywhere = groups[0]["IpPermissionsEgress"]
        if everywhere:
            parameters = {"GroupId": made.physical_id, "IpPermissions": everywhere}
            call(context, "ec2", "RevokeSecurityGroupEgress", parameters)
    _EGRESS.apply(context, made, old, new)


_EGRESS: Final = _rules("SecurityGroupEgress", "Egress")

KINDS: Final = (
    Kind(
        type="AWS::EC2::VPC",
        service="ec2",
        create_call=Call("CreateVpc"),
        delete_call=Call("DeleteVpc", {"VpcId": "{id}"}),
        read_call=Call("DescribeVpcs", {"VpcIds": ["{id}"]}),
        ref="{answer[Vpc][VpcId]}",
        attributes={"VpcId": "{id}", "CidrBlock": "{answer[Vpcs][0][CidrBlock]}"},
        immutable=frozenset({"CidrBlock", "Ipv4IpamPoolId", "Ipv4NetmaskLength"}),
        facets=(
            _switch("ModifyVpcAttribute", "VpcId", "EnableDnsSupport"),
            _switch("ModifyVpcAttribute", "VpcId", "EnableDnsHostnames"),
        ),
        tagging=_TAGGING,
    ),
    Kind(
        type="AWS::EC2::Subnet",
        service="ec2",
        create_call=Call("CreateSubnet"),
        delete_call=Call("DeleteSubnet", {"SubnetId": "{id}"}),
        read_call=Call("DescribeSubnets", {"SubnetIds": ["{id}"]}),
        ref="{answer[Subnet][SubnetId]}",
        attributes={
            "SubnetId": "{id}",
            "VpcId": "{p[VpcId]}",
            "AvailabilityZone": "{answer[Subnets][0][AvailabilityZone]}",
            "CidrBlock": "{answer[Subnets][0][CidrBlock]}",
        },
        immutable=frozenset({"AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId"}),
        facets=(_switch("ModifySubnetAttribute", "SubnetId", "MapPublicIpOnLaunch"),),
        tagging=_TAGGING,
    ),
    Kind(
        type="AWS::EC2::RouteTable",
        service="ec2",
        create_call=Call("CreateRouteTable"),
        delete_call=Call("DeleteRouteTable", {"RouteTableId": "{id}"}),
        ref="{answer[RouteTable][RouteTableId]}",
        attributes={"RouteTableId": "{id}"},
        immutable=frozenset({"VpcId"}),
        tagging=_TAGGING,
    ),
    Kind(
        type="AWS::EC2::SubnetRouteTableAssociation",
        service="ec2",
        create_call=Call("AssociateRouteTable"),
        delete_call=Call("DisassociateRouteTable", {"AssociationId": "{id}"}),
        ref="{answer[AssociationId]}",
        attributes={"Id": "{id}"},
        immutable=frozenset({"RouteTableId", "SubnetId"}),
    ),
    Kind(
        type="AWS::EC2::SecurityGroup",
        service="ec2",
        create_call=Call("CreateSecurityGroup"),
        delete_call=Call("DeleteSecurityGroup", {"GroupId": "{id}"}),
        ref="{answer[GroupId]}",
        attributes={"GroupId": "{id}", "VpcId": "{p[VpcId]}"},
        name=Name(property="GroupName", limit=255),
        renames={"GroupDescription": "Description"},
        immutable=frozenset({"GroupDescription", "VpcId"}),
        facets=(
            _rules("SecurityGroupIngress", "Ingress"),
            Facet(properties=_EGRESS.properties, apply=_only_given_egress),
        ),
        tagging=_TAGGING,
    ),
)
