"""What importing the Google Cloud room asks of a machine."""

from __future__ import annotations

from blocked import python


def test_a_missing_sdk_is_an_import_error_that_names_the_extra():
    for missing in (("pulumi_gcp",), ("pulumi", "pulumi_gcp")):
        done = python("import serverless_ai_pulumi.gcp", without=missing)
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError: "), done.stderr
        assert 'pip install "serverless-ai-patterns[pulumi-gcp]"' in last


def test_a_user_of_google_cloud_imports_no_other_cloud_and_no_other_tool():
    seen = "import sys, serverless_ai_pulumi.gcp; print(*{name.split('.')[0] for name in sys.modules})"
    done = python(seen, without=("pulumi_azure_native", "pulumi_aws", "aws_cdk", "boto3", "moto"))
    assert done.returncode == 0, done.stderr
    assert "serverless_ai_pulumi" in done.stdout.split()
    assert not {"serverless_ai_cdk", "serverless_ai_local"} & set(done.stdout.split())
