"""The wheel as a user gets it: in an empty environment and folder, with the extras asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from serverless_ai_patterns.bundle import bundle, digest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "serverless_ai_patterns": "patterns",
    "serverless_ai_runtime": "lambdas",
    "serverless_ai_cdk": "cdk",
    "serverless_ai_pulumi": "pulumi",
    "serverless_ai_policy": "pulumi",
    "serverless_ai_local": "local",
}
BASE = {"click", "rich", "markdown-it-py", "mdurl", "pygments", "serverless-ai-patterns"}


class Installed:
    """An environment of its own with the wheel in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command of the environment, in its own folder, seeing nothing of the caller's Python."""
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
        }
        return subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.folder,
            env=env | {"PATH": f"{self.bin}{os.pathsep}{env['PATH']}", "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, script: str) -> str:
        """Output of a Python script; fails the test with what it said when it fails."""
        done = self.run("python", "-c", script)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


Install = Callable[[str], Installed]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """By extra ("" for none): a new environment with the wheel and what that extra asks for."""

    @cache
    def install(extra: str) -> Installed:
        environment = Installed(tmp_path_factory.mktemp(f"installed-{extra}"))
        venv = environment.folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        wanted = f"serverless-ai-patterns{f'[{extra}]' if extra else ''} @ {wheel.as_uri()}"
        pip = [sys.executable, "-m", "pip", "--python", str(environment.bin / "python"), "install", "--quiet"]
        done = subprocess.run(
            [
                *pip,
                "--no-compile",
                "--disable-pip-version-check",
                "-c",
                str(ROOT / "constraints.txt"),
                wanted,
            ],
            cwd=environment.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return environment

    return install


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_every_module_of_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT / folder).as_posix()
        for package, folder in PACKAGES.items()
        for path in (ROOT / folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names(wheel) == expected
    assert {f"{package}/py.typed" for package in PACKAGES} <= expected
    # Beside the modules: what a host wants at the top of a zip, and the pages of the patterns.
    others = {name for name in expected if not name.endswith((".py", "/py.typed", "/README.md"))}
    assert {name for name in others if "/root/" not in name} == set()


def test_no_test_and_no_folder_of_this_repository_is_importable_from_the_wheel(wheel: Path) -> None:
    assert {name.split("/")[0] for name in names(wheel)} == set(PACKAGES)
    assert [name for name in names(wheel) if "test" in name.rsplit("/", 1)[-1] or "conftest" in name] == []


def test_the_base_brings_the_command_line_and_its_needs_only(installed: Install) -> None:
    script = "import importlib.metadata as m; print(*(d.metadata['Name'].lower() for d in m.distributions()))"
    assert set(installed("").python(script).split()) == BASE


def test_the_command_line_works_without_any_extra(installed: Install) -> None:
    helped = installed("").run("serverless-ai", "--help")
    assert helped.returncode == 0, helped.stderr
    assert "models" in helped.stdout
    listed = installed("").run("serverless-ai", "models")
    assert "us.amazon.nova-micro-v1:0" in listed.stdout
    version = installed("").run("serverless-ai", "--version").stdout
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] in version


def test_a_command_that_needs_an_extra_says_how_to_get_it(installed: Install) -> None:
    done = installed("").run("serverless-ai", "run", "function_llm")
    assert done.returncode != 0
    assert 'pip install "serverless-ai-patterns[local]"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "module", ["bundle", "catalogue", "cli", "cost", "models", "models_report", "settings"]
)
def test_the_patterns_room_imports_no_cloud_sdk_even_where_one_is_installed(module: str) -> None:
    heavy = "{'aws_cdk', 'constructs', 'jsii', 'pulumi', 'pulumi_aws', 'boto3', 'botocore', 'moto'}"
    script = f"import sys, serverless_ai_patterns.{module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_handlers_are_the_same_installed_as_in_the_checkout(installed: Install) -> None:
    script = (
        "from serverless_ai_patterns import bundle as b; print(b.RUNTIME, b.digest('function_llm', 'aws'))"
    )
    where, seen = installed("").python(script).split()
    assert Path(where).is_relative_to(installed("").folder)
    assert seen == digest("function_llm", "aws")


SYNTH = """
from aws_cdk import App, Stack
from serverless_ai_cdk import FunctionLlm
app = App(outdir="cdk.out")
FunctionLlm(Stack(app, "Mine"), "Chat")
app.synth()
"""


def test_with_cdk_the_construct_synthesizes_and_its_asset_is_the_handler(installed: Install) -> None:
    environment = installed("cdk")
    environment.python(SYNTH)
    out = environment.folder / "cdk.out"
    template = json.loads((out / "Mine.template.json").read_text())
    functions = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    assets = [path for path in out.iterdir() if path.name.startswith("asset.")]
    assert len(functions) == len(assets) == 1
    assert functions[0]["Properties"]["Code"]["S3Key"] == assets[0].name.removeprefix("asset.") + ".zip"
    content = {
        p.relative_to(assets[0]).as_posix(): p.read_bytes() for p in assets[0].rglob("*") if p.is_file()
    }
    assert content == {name: path.read_bytes() for name, path in bundle("function_llm", "aws").items()}
    assert environment.run("python", "-c", "import pulumi").returncode != 0


PULUMI = """
import pulumi

class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        made.append(args.typ)
        url = f"https://{args.name}.example"
        arns = dict.fromkeys(("arn", "executionArn", "invokeArn"), f"arn:aws:test:::{args.name}")
        return f"{args.name}-id", {**arns, "name": args.name, "apiEndpoint": url, "url": url, **args.inputs}

    def call(self, args):
        region = {"name": "us-east-1", "region": "us-east-1", "id": "us-east-1"}
        return {"accountId": "123456789012", "partition": "aws", "dnsSuffix": "amazonaws.com", **region}

made = []
pulumi.runtime.set_mocks(Mocks(), preview=False)
from serverless_ai_pulumi.aws import FunctionLlm

@pulumi.runtime.test
def run():
    component = FunctionLlm("chat")
    return component.function.handler.apply(lambda handler: print("handler", handler))

run()
print("made", *sorted(set(made)))
"""


def test_with_pulumi_the_component_runs(installed: Install) -> None:
    environment = installed("pulumi-aws")
    lines = dict(line.partition(" ")[::2] for line in environment.python(PULUMI).splitlines())
    assert lines["handler"] == "serverless_ai_runtime.entrypoints.aws_lambda.function_llm"
    assert {"aws:lambda/function:Function", "aws:apigatewayv2/api:Api", "aws:dynamodb/table:Table"} <= set(
        lines["made"].split()
    )
    assert environment.run("python", "-c", "import aws_cdk").returncode != 0


@pytest.mark.parametrize("name", ["package-lock.json", "constraints.txt"])
def test_lock_files_name_versions_and_no_registry(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert '"resolved"' not in text
    assert "file:" not in text
