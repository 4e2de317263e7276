"""The component as Pulumi sees it: its children, its place, its names, its preview."""

from __future__ import annotations

import json
import re

import pulumi
import pulumi_gcp as gcp
import pytest
from gcp_provider import CLIENT, PROJECT, REGION, cloud
from recorder import deployer

from serverless_ai_pulumi.gcp import FunctionLlm


def test_everything_is_a_child_of_the_component_and_the_component_of_the_stack(whole):
    component = whole.one("FunctionLlm")
    assert component.type == "serverless-ai:gcp:FunctionLlm"
    assert component.parent.split("::")[2] == "pulumi:pulumi:Stack"
    children = [each for each in whole.resources if each is not component]
    assert {each.parent for each in children} == {component.urn}
    assert all(each.name.startswith("chat-") for each in children)


def test_the_same_program_twice_says_the_same(whole, deploy, everything, make_whole):
    again = deploy(lambda: make_whole(everything))
    assert again.picture == whole.picture


def test_a_preview_knows_every_resource_that_an_update_makes(whole, deploy, everything, make_whole):
    preview = deploy(lambda: make_whole(everything), preview=True)
    assert preview.picture.keys() == whole.picture.keys()


def test_one_call_asks_for_the_place_and_none_goes_to_google(whole):
    assert whole.invokes == [(CLIENT, "")]


@pytest.mark.parametrize(("what", "example"), [("project", "your-project-id"), ("region", "us-central1")])
@pytest.mark.parametrize("preview", [True, False])
def test_a_place_that_is_not_set_is_an_error_that_says_how_to_set_it(what, example, preview):
    nowhere = deployer(cloud(**{what: ""}))
    message = f"gcp:{what} is not set: pulumi config set gcp:{what} {example}"
    with pytest.raises(ValueError, match=message):
        nowhere(lambda: FunctionLlm("chat"), preview=preview)


def test_an_explicit_provider_reaches_every_child_and_the_call(deploy):
    def program():
        elsewhere = gcp.Provider("elsewhere", project=PROJECT, region=REGION)
        FunctionLlm("chat", opts=pulumi.ResourceOptions(provider=elsewhere))

    recording = deploy(program)
    reference = f"{recording.one('gcp', 'elsewhere').urn}::elsewhere-id"
    children = [each for each in recording.resources if each.name.startswith("chat-")]
    assert len(children) > 20
    assert {each.provider for each in children} == {reference}
    assert recording.invokes == [(CLIENT, reference)]


def test_two_components_share_nothing_but_the_apis(deploy):
    def program():
        FunctionLlm("one")
        FunctionLlm("two")

    recording = deploy(program)
    one, two = (
        [each for each in recording.resources if each.name.startswith(name)] for name in ("one", "two")
    )
    assert len(one) == len(two) == len(recording.resources) / 2
    for mine, other in ((one, "two"), (two, "one")):
        texts = [json.dumps(each.inputs) for each in mine if "BucketObject" not in each.type]
        assert not any(f"{other}-" in text or f"{other}_" in text for text in texts)
    shared = (":Service", ":ServiceIdentity", ":BucketObject", ":FunctionLlm")
    ours = [each for each in recording.resources if not each.type.endswith(shared)]
    names = [(each.type, each.physical) for each in ours]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["Chat", "my_chat.v2", "9lives", "x", "a" * 80, "über", "123"])
def test_any_name_of_a_component_gives_names_that_google_takes(deploy, everything, name):
    recording = deploy(lambda: FunctionLlm(name, everything))
    rules = {
        "Account": ("accountId", r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
        "Function": ("name", r"[a-z][a-z0-9-]{0,47}[a-z0-9]"),
        "IAMCustomRole": ("roleId", r"[a-zA-Z0-9_.]{3,64}"),
        "Database": ("name", r"[a-z][a-z0-9-]{2,61}[a-z0-9]"),
        "Topic": ("name", r"(?!goog)[a-zA-Z][\w.~+%-]{2,254}"),
        "Subscription": ("name", r"(?!goog)[a-zA-Z][\w.~+%-]{2,254}"),
        "Bucket": ("name", r"(?!goog)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
        "Api": ("apiId", r"[a-z0-9][a-z0-9-]{0,47}[a-z0-9]"),
        "Gateway": ("gatewayId", r"[a-z][a-z0-9-]{0,47}[a-z0-9]"),
        "Repository": ("repositoryId", r"[a-z][a-z0-9-]{0,61}[a-z0-9]"),
    }
    for kind, (field, rule) in rules.items():
        for each in recording.all(kind):
            assert re.fullmatch(rule, each.inputs[field]), each
