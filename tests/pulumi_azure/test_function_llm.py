"""What the component is to its program: its tree, its names, its repeatability."""

from __future__ import annotations

import json
import re

import pulumi
import pytest

from serverless_ai_local.doors.pulumi import checks
from serverless_ai_patterns.function_llm import FunctionLlmSettings, Iam, Llm
from serverless_ai_pulumi.azure import FunctionLlm

SECRET = "4dabf18193072939515e22adb298388d"
"""The wire's mark of a secret."""
CLIENT = "11111111-2222-3333-4444-555555555555"


def test_everything_is_a_child_of_the_component_and_the_component_of_the_stack(whole):
    component = whole.one("FunctionLlm")
    assert component.type == "serverless-ai:azure:FunctionLlm"
    assert component.parent.split("::")[2] == "pulumi:pulumi:Stack"
    children = [each for each in whole.resources if each is not component]
    assert {each.parent for each in children} == {component.urn}
    assert all(each.name.startswith("chat-") for each in children)


def test_the_same_program_twice_says_the_same(usual, deploy):
    assert deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT)).picture == usual.picture


def test_a_preview_knows_every_resource_that_an_update_makes(usual, deploy, everything, whole):
    preview = deploy(lambda: FunctionLlm("chat", entra_client_id=CLIENT), preview=True)
    assert preview.picture.keys() == usual.picture.keys()
    settings = FunctionLlmSettings(llm=everything.llm, auth=everything.auth, events=everything.events)
    preview = deploy(lambda: FunctionLlm("chat", settings), preview=True)
    missing = {each.name for each in whole.resources} - {each.name for each in preview.resources}
    assert all(name.startswith(("chat-gateway", "chat-vault")) for name in missing)


def test_one_call_asks_for_a_token_and_no_other_call_is_made(whole):
    assert whole.invokes == [("azure-native:authorization:getClientToken", "")]


def test_an_explicit_provider_reaches_every_child_and_the_call(deploy):
    import pulumi_azure_native as azure

    def program():
        elsewhere = azure.Provider("elsewhere", location="westeurope")
        FunctionLlm("chat", entra_client_id=CLIENT, opts=pulumi.ResourceOptions(provider=elsewhere))

    recording = deploy(program)
    children = [
        each for each in recording.resources if each.name.startswith("chat-") and "dynamic" not in each.type
    ]
    assert len(children) > 20
    (provider,) = {each.provider for each in children}
    assert "::elsewhere::" in provider
    assert recording.invokes == [("azure-native:authorization:getClientToken", provider)]


def test_two_components_share_nothing(deploy):
    def program():
        FunctionLlm("one", entra_client_id=CLIENT)
        FunctionLlm("two", entra_client_id=CLIENT)

    recording = deploy(program)
    for kind in ("StorageAccount", "DatabaseAccount", "Account"):
        assert len({each.physical for each in recording.all(kind)}) == 2, "a name in the whole world"
    one, two = (
        [each for each in recording.resources if each.name.startswith(name)] for name in ("one", "two")
    )
    assert len(one) == len(two) == len(recording.resources) / 2
    for mine, other in ((one, "two"), (two, "one")):
        assert not any(f"{other}-" in json.dumps(each.inputs) for each in mine)


@pytest.mark.parametrize("name", ["a", "my-long-name-of-24-chars"])
def test_names_of_resources_are_such_as_azure_takes(deploy, name):
    recording = deploy(lambda: FunctionLlm(name, entra_client_id=CLIENT))
    assert re.fullmatch(r"[a-z0-9]{3,24}", recording.one("StorageAccount").physical)
    assert re.fullmatch(r"[a-z][a-z0-9-]{2,43}", recording.one("DatabaseAccount").physical)
    assert re.fullmatch(r"[a-z][a-z0-9-]{1,63}", recording.one("Account").physical)


@pytest.mark.parametrize("name", ["", "Chat", "my_chat", "1chat", "-chat", "chat-", "a--b", "x" * 25, "chät"])
def test_a_name_that_azure_would_refuse_is_refused_at_once(deploy, name):
    with pytest.raises(ValueError, match="the name of a component on Azure must be 1 to 24 small letters"):
        deploy(lambda: FunctionLlm(name, entra_client_id=CLIENT))


@pytest.mark.parametrize("model", ["smal", "no model at all", "gpt-9", "claude-opus-5@1"])
@pytest.mark.parametrize("preview", [True, False])
def test_an_impossible_model_fails_the_program_already_in_a_preview(deploy, model, preview):
    settings = FunctionLlmSettings(llm=Llm(model=model), auth=Iam())
    with pytest.raises(ValueError, match=r"model (must be|.* cannot be used)"):
        deploy(lambda: FunctionLlm("chat", settings, entra_client_id=CLIENT), preview=preview)


@pytest.mark.parametrize("deployment", ["usual", "whole"])
def test_every_input_is_one_that_the_installed_sdk_knows(request, deployment):
    recording = request.getfixturevalue(deployment)
    mistakes = [
        mistake
        for each in recording.resources
        if each.type.startswith("azure-native:")
        for mistake in checks.resource(each.type, _bare(each.inputs))
    ]
    assert mistakes == []


def _bare(value):
    """An input as the door has it: it knows what is secret, and that the wire has but one kind of number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        bare = {key: _bare(one) for key, one in value.items()}
        return bare["value"] if SECRET in bare else bare
    return [_bare(one) for one in value] if isinstance(value, list) else value
