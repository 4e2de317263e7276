"""What importing the Azure room asks of a machine."""

from __future__ import annotations

from blocked import python


def test_a_missing_sdk_is_an_import_error_that_names_the_extra():
    done = python("import serverless_ai_pulumi.azure", without=("pulumi_azure_native",))
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: "), done.stderr
    assert 'pip install "serverless-ai-patterns[pulumi-azure]"' in last


def test_a_user_of_azure_imports_no_other_cloud_and_no_other_tool():
    seen = "import sys, serverless_ai_pulumi.azure; print(*{name.split('.')[0] for name in sys.modules})"
    done = python(seen, without=("pulumi_aws", "pulumi_gcp", "aws_cdk", "boto3", "moto", "azure"))
    assert done.returncode == 0, done.stderr
    assert "serverless_ai_pulumi" in done.stdout.split()
    assert not {"serverless_ai_cdk", "serverless_ai_local"} & set(done.stdout.split())


def test_the_models_and_facts_of_azure_need_no_sdk_at_all():
    code = (
        "import serverless_ai_patterns.models_azure, serverless_ai_patterns.azure.function_llm,"
        "serverless_ai_patterns.azure.observability, serverless_ai_patterns.azure.gateway"
    )
    done = python(code, without=("pulumi", "pulumi_azure_native", "azure"))
    assert done.returncode == 0, done.stderr
