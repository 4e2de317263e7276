"""Dynamic resources: a provider that is part of the program runs in the SDK's own server for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serverless_ai_local.doors.pulumi import Deployment, ProgramError, Result

PROGRAM = """
import os
from pathlib import Path

import pulumi
from pulumi import dynamic


class Note(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, _id, olds, news):
        return dynamic.DiffResult(changes=olds["text"] != news["text"])

    def create(self, props):
        if props["text"] == "fail":
            raise ValueError("this one cannot be written")
        Path(props["file"]).write_text(props["text"])
        return dynamic.CreateResult("note-1", {**props, "length": len(props["text"])})

    def update(self, _id, olds, news):
        Path(news["file"]).write_text(news["text"])
        return dynamic.UpdateResult({**news, "length": len(news["text"])})

    def delete(self, _id, props):
        Path(props["file"]).unlink()


class Written(dynamic.Resource, module="test", name="Note"):
    length: pulumi.Output[int]

    def __init__(self, name, **props):
        super().__init__(Note(), name, {"length": None, **props})


config = pulumi.Config()
file, text = config.require("file"), config.require("text")
note = Written("note", file=file, text=text, ignored=config.get("ignored"))
pulumi.export("length", note.length)
"""


@pytest.fixture
def run(tmp_path: Path) -> Any:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: notes\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)

    def run(action: str, **config: str) -> Result:
        deployment = Deployment(
            folder,
            "dev",
            endpoint="http://127.0.0.1:9",
            state_dir=tmp_path / "state",
            config={"file": str(tmp_path / "note.txt"), **config},
        )
        return getattr(deployment, action)()

    return run


def ops(result: Result) -> list[str]:
    return [step.op for step in result.steps if step.type.startswith("pulumi-python:")]


def test_the_life_of_a_dynamic_resource(run: Any, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    assert ops(run("preview", text="one")) == ["create"]
    assert not note.exists(), "a preview must make nothing"
    first = run("up", text="one")
    assert (ops(first), first.outputs["length"], note.read_text()) == (["create"], 3, "one")
    assert [(one.type, one.properties["text"]) for one in first.graph] == [
        ("pulumi-python:dynamic/test:Note", "one")
    ]
    assert ops(run("up", text="one", ignored="x")) == ["same"], "its own diff sees no change"
    changed = run("up", text="three", ignored="x")
    assert (ops(changed), changed.outputs["length"], note.read_text()) == (["update"], 5, "three")
    assert ops(run("destroy")) == ["delete"]
    assert not note.exists()


def test_what_a_provider_raises_is_the_reason(run: Any) -> None:
    with pytest.raises(ProgramError, match="ValueError: this one cannot be written"):
        run("up", text="fail")
