"""Configuration from all its sources: what a program sees of it, and every way to get it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from serverless_ai_local.doors.pulumi import ProgramError, config, project
from serverless_ai_local.doors.pulumi.results import RefusedError

DECLARED = """
name: shop
runtime: {name: python, options: {toolchain: uv}}
config:
  aws:region: {value: eu-west-1}
  model: {type: string, default: small}
  limit: {type: integer}
  tags: {type: array, items: {type: string}, default: [a]}
  options: {type: object, default: {}}
  loud: {type: boolean, default: false}
  key: {type: string, secret: true, default: hidden}
"""


def loaded(folder: Path, text: str = DECLARED, *, stack: str | None = None, given=None, secrets=None):
    (folder / "Pulumi.yaml").write_text(text)
    (folder / "__main__.py").write_text("")
    if stack is not None:
        (folder / "Pulumi.dev.yaml").write_text(stack)
    return config.load(project.load(folder), "dev", given or {}, secrets or {})


def test_defaults_then_the_stack_file_then_the_caller(tmp_path):
    stack = "config:\n  shop:limit: 7\n  model: large\n  other:key: 1.5\n  shop:config:loud: true\n"
    found = loaded(tmp_path, stack=stack, given={"limit": "8", "options": '{"a": 1}'})
    assert found.values == {
        "aws:region": "eu-west-1",
        "shop:model": "large",
        "shop:limit": "8",
        "shop:tags": '["a"]',
        "shop:options": '{"a": 1}',
        "shop:loud": "true",
        "shop:key": "hidden",
        "other:key": "1.5",
    }
    assert found.secret_keys == {"shop:key"}
    assert found.namespace("aws") == {"region": "eu-west-1"}


def test_secrets_of_the_caller_are_marked(tmp_path):
    found = loaded(tmp_path, given={"limit": "1"}, secrets={"model": "x", "aws:token": "y"})
    assert found.secret_keys == {"shop:key", "shop:model", "aws:token"}


def test_a_project_that_declares_nothing_takes_any_key(tmp_path):
    found = loaded(
        tmp_path, "name: shop\nruntime: python\n", stack="config: {shop:when: 2024-01-02, shop:l: [1]}"
    )
    assert found.values == {"shop:when": "2024-01-02", "shop:l": "[1]"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": "ten"}, r"--config limit: must be an integer such as 10 and is 'ten'"),
        ({"limit": "1.5"}, r"limit: must be an integer"),
        ({"limit": "1", "loud": "yes"}, r"loud: must be true or false and is 'yes'"),
        ({"limit": "1", "tags": "{}"}, r"tags: must be an array"),
        ({"limit": "1", "options": "["}, r"options: must be an object"),
        ({"limit": "1", "modle": "x"}, r"--config modle: not declared in Pulumi.yaml; did you mean model\?"),
        ({"limit": "1", "zzz": "x"}, r"zzz: not declared .* Allowed: key, limit, loud, model, options, tags"),
        ({"limit": "1", "a:b:c": "x"}, r"a:b:c: a key is `name` or `namespace:name`"),
        ({"limit": "1", ":x": "x"}, r":x: a key is"),
        ({}, r"stack 'dev' is missing configuration value 'shop:limit' \(integer\); give --config limit="),
    ],
)
def test_what_the_caller_gives_wrong_is_named(tmp_path, given, message):
    with pytest.raises(RefusedError, match=message):
        loaded(tmp_path, given=given)


def test_a_mistaken_secret_is_not_repeated(tmp_path):
    with pytest.raises(RefusedError, match="limit: must be an integer") as refused:
        loaded(tmp_path, secrets={"limit": "hunter2"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (
            "config: {shop:limit: 1, shop:key: {secure: AAA=}}",
            r"Pulumi.dev.yaml: config shop:key is encrypted",
        ),
        ("config: {shop:limit: 1, shop:options: {a: [{secure: AAA=}]}}", r"options is encrypted"),
        ("config: {shop:limit: x}", r"Pulumi.dev.yaml: config shop:limit: must be an integer"),
        ("config: {shop:limit: true}", r"must be an integer such as 10 and is True"),
        ("config: {shop:limit: 1, shop:model: [1]}", r"model: must be a string and is \[1\]"),
        ("config: {shop:limit: 1, shop:model: null}", r"model: must be a string and is None"),
        ("config: [1]", r"config must be a mapping"),
        ("konfig: {}", r"unknown konfig; allowed: config,"),
        ("environment: [prod]\n", r"Pulumi ESC environments cannot be read"),
        ("config:\n  a: 1\n  a: 2\n", r"Pulumi.dev.yaml:3: key 'a' is given twice"),
        ("config: {a", r"Pulumi.dev.yaml:1"),
        ("- 1", r"must be a mapping"),
    ],
)
def test_what_the_stack_file_gets_wrong_is_named(tmp_path, stack, message):
    with pytest.raises(RefusedError, match=message):
        loaded(tmp_path, stack=stack)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: shop\nruntime: nodejs\n", r"runtime must be python here and is 'nodejs'"),
        ("name: shop\n", r"runtime must be python here and is None"),
        ("name: a b\nruntime: python\n", r"name must be 1 to 100 of letters"),
        ("runtime: python\n", r"name must be .* and is None"),
        ("name: shop\nruntime: python\nmain: src\n", r"the program does not exist \(main: src"),
        (
            "name: shop\nruntime: python\nconfig: {a: {typ: x}}\n",
            r"config a: unknown typ; allowed: type, items",
        ),
        (
            "name: shop\nruntime: python\nconfig: {a: {type: number}}\n",
            r"type must be one of string, integer",
        ),
        ("name: shop\nruntime: python\nconfig: {aws:a: {type: string}}\n", r"takes `value`, not `type`"),
        ("name: shop\nruntime: python\nconfig: {a: {value: 1, default: 2}}\n", r"not both"),
        (
            "name: shop\nruntime: python\nconfig: {a: {type: integer, default: x}}\n",
            r"config shop:a: must be an int",
        ),
        ("name: shop\nruntime: python\nconfig: [1]\n", r"config must be a mapping"),
    ],
)
def test_what_the_project_file_gets_wrong_is_named(tmp_path, text, message):
    with pytest.raises(RefusedError, match=message):
        loaded(tmp_path, text)


@pytest.mark.parametrize("name", ["../x", "", "a/b", "a b", ".", "x" * 101])
def test_a_stack_name_is_no_path(tmp_path, name):
    with pytest.raises(RefusedError, match="stack name must be"):
        config.load(project.load(_project(tmp_path)), name, {}, {})


def _project(folder: Path) -> Path:
    (folder / "Pulumi.yml").write_text("name: shop\nruntime: python\nmain: app.py\n")
    (folder / "app.py").write_text("")
    return folder


def test_main_may_be_a_file_and_the_project_file_a_yml(tmp_path):
    found = project.load(_project(tmp_path))
    assert found.program == tmp_path / "app.py"


def test_a_folder_without_a_project_says_so(tmp_path, project):
    project.folder = tmp_path
    with pytest.raises(ProgramError, match=r"no Pulumi\.yaml here"):
        project.deployment().preview()


def test_the_program_reads_its_configuration_and_secrets_stay_hidden(project, cloud):
    project.write(
        """
        config = pulumi.Config()
        print(config.require("model"), config.require_int("limit"), config.get_object("options"), config.name)
        key = config.require_secret("key")
        print("the key is", config.require("key"))
        queue = aws.sqs.Queue("jobs", tags={"key": key, "model": config.require("model")})
        pulumi.export("key", key)
        pulumi.export("tags", queue.tags)
        pulumi.export("model", "small")
        """,
        """
        config:
          model: {default: small}
          limit: {type: integer}
          options: {type: object, default: {deep: [1, 2]}}
          key: {type: string, secret: true}
        """,
    )
    project.stack_file("config: {shop:limit: 12, aws:region: eu-north-1}")
    result = project.deployment(secrets={"key": "hunter-2"}).up()
    assert "small 12 {'deep': [1, 2]} shop" in project.said
    assert "the key is [secret]" in project.said
    assert cloud.places == {"jobs": "eu-north-1"}
    assert next(iter(cloud.live.values()))["tags"] == {"key": "hunter-2", "model": "small"}

    assert result.outputs["key"].value == "hunter-2"
    assert result.outputs["tags"].value == {"key": "hunter-2", "model": "small"}
    assert result.outputs["model"] == "small"
    printed = f"{result} {result.outputs} {project.events}"
    assert "hunter" not in printed
    assert "hunter" not in project.state
    assert (project.state_dir / "secrets.key").stat().st_mode & 0o777 == 0o600

    again = project.deployment(secrets={"key": "hunter-2"}).up()
    assert {step.op for step in again.steps} == {"same"}
    changed = project.deployment(secrets={"key": "rabbit-3"}).up()
    assert [step.diff for step in changed.steps if step.op == "update"] == [("tags.key",)]


def test_provider_configuration_that_means_nothing_is_named(project):
    project.write('aws.sqs.Queue("jobs")')
    with pytest.raises(ProgramError, match="provider aws: regoin is not supported; allowed: region"):
        project.deployment(config={"aws:regoin": "x"}).preview()


def test_a_state_whose_key_is_lost_is_not_overwritten(project):
    project.write('aws.sqs.Queue("jobs", name=pulumi.Output.secret("hidden-name"))')
    project.deployment().up()
    before = project.state
    (project.state_dir / "secrets.key").unlink()
    with pytest.raises(ProgramError, match="the key of the state's secrets"):
        project.deployment().up()
    assert project.state == before
    (project.state_dir / "secrets.key").write_bytes(b"x" * 43 + b"=")
    with pytest.raises(ProgramError, match="is not the key"):
        project.deployment().up()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 9}', '{"version": 1, "resources": [{}]}'])
def test_a_broken_state_is_refused_by_name(project, text):
    project.write('aws.sqs.Queue("jobs")')
    project.state_dir.mkdir()
    (project.state_dir / "shop.dev.json").write_text(text)
    with pytest.raises(ProgramError, match=r"shop.dev.json: (not a stack's state|state of version)"):
        project.deployment().up()
