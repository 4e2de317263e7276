"""What importing the Pulumi room asks of a machine."""

from __future__ import annotations

import ast
from pathlib import Path

from blocked import python

ROOT = Path(__file__).parents[2] / "pulumi"


def test_the_package_itself_needs_no_sdk():
    done = python("import serverless_ai_pulumi", without=("pulumi", "pulumi_aws"))
    assert done.returncode == 0, done.stderr


def test_a_missing_sdk_is_an_import_error_that_names_the_extra():
    for missing in (("pulumi_aws",), ("pulumi", "pulumi_aws")):
        done = python("import serverless_ai_pulumi.aws", without=missing)
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: "), done.stderr
        assert 'pip install "serverless-ai-patterns[pulumi-aws]"' in last


def test_a_user_of_aws_imports_no_other_cloud_and_no_other_tool():
    seen = "import sys, serverless_ai_pulumi.aws; print(*{name.split('.')[0] for name in sys.modules})"
    done = python(seen, without=("pulumi_azure_native", "pulumi_gcp", "aws_cdk", "boto3", "moto"))
    assert done.returncode == 0, done.stderr
    assert "serverless_ai_pulumi" in done.stdout.split()
    assert not {"serverless_ai_cdk", "serverless_ai_local"} & set(done.stdout.split())


def test_no_folder_of_the_room_can_shadow_an_installed_package():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {"policy", "serverless_ai_policy", "serverless_ai_pulumi", "stacks"}
    assert not list(ROOT.glob("*.py"))
    assert not list((ROOT / "stacks").rglob("__init__.py"))


def test_programs_hold_no_logic():
    for program in (ROOT / "stacks").glob("*/__main__.py"):
        kinds = {type(node) for node in ast.walk(ast.parse(program.read_text()))}
        assert not {ast.If, ast.FunctionDef, ast.ClassDef, ast.Try, ast.While} & kinds, program
