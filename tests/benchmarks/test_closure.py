"""A peer sees what its SDK brings, and nothing else of this environment."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import closure
import pytest


def names(distribution: str) -> set[str]:
    return {one.metadata["Name"].lower() for one in closure.needed(distribution)}


def test_a_closure_holds_what_is_required_and_no_extra_that_was_not_asked_for() -> None:
    assert {"openai", "pydantic", "pydantic_core", "anyio"} <= names("openai")
    assert not {"numpy", "pandas", "pulumi", "pytest", "boto3"} & names("openai")
    assert {"boto3", "botocore", "jmespath", "s3transfer"} <= names("boto3")


def test_of_a_shared_namespace_only_the_own_part_is_there(tmp_path: Path) -> None:
    site = closure.link("google-genai", tmp_path)
    shared = {path.name for path in (site / "google").iterdir()}
    assert {"genai", "auth", "oauth2"} <= shared
    assert not {"cloud", "protobuf", "pubsub_v1"} & shared
    assert not (site / "pulumi").exists()


@pytest.mark.parametrize(
    ("distribution", "module"),
    [("boto3", "boto3"), ("openai", "openai"), ("google-genai", "google.genai")],
)
def test_a_closure_is_complete(tmp_path: Path, distribution: str, module: str) -> None:
    code = f"import sys; sys.path[:0] = [{str(closure.link(distribution, tmp_path))!r}]; import {module}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_distribution_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageNotFoundError, match="no-such-sdk"):
        closure.link("no-such-sdk", tmp_path)
