"""Mistakes in a program: each is caught before anything is made, with its file and line."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from serverless_ai_local.doors.pulumi import UNKNOWN, ProgramError, Secret, checks
from serverless_ai_local.doors.pulumi.assets import Archive
from serverless_ai_local.doors.pulumi.engine import require_version
from serverless_ai_local.doors.pulumi.results import RefusedError

# Line 1 of the program is the import; the mistake is on line 3.
MISTAKES = {
    "a wrong key in a dictionary": (
        'aws.lambda_.Function("f", role="r", environment={"variable": {"A": "b"}})',
        r"unknown property environment.variable of aws.lambda_.FunctionEnvironmentArgs; did you mean variab",
    ),
    "a wrong type": (
        'aws.sqs.Queue("q", delay_seconds="thirty")',
        r"delay_seconds: an integer wanted, got a string",
    ),
    "a missing property in a dictionary": (
        'aws.lambda_.Function("f", role="r", tracing_config={})',
        r"missing required property tracing_config.mode of aws.lambda_.FunctionTracingConfigArgs",
    ),
    "a bad value of a strict list": (
        'aws.iam.Role("r", assume_role_policy={"Version": "2012-10-17", "Statement": [{"Effect": "Yes"}]})',
        r"assume_role_policy.statement\[0\].effect: 'Yes' is not one of PolicyStatementEffect; allowed: A",
    ),
    "an unknown argument": (
        'aws.sqs.Queue("q", delay_secs=3)',
        r"TypeError: .*unexpected keyword argument 'delay_secs'",
    ),
    "a missing argument": (
        'aws.lambda_.Function("f")',
        r"TypeError: Missing required property 'role'",
    ),
    "a file that is not there": (
        'aws.lambda_.Function("f", role="r", code=pulumi.FileArchive("./nowhere"))',
        r"archive .*nowhere: which does not exist",
    ),
    "a name that is not defined": ("aws.sqs.Queue(nmae)", r"NameError: name 'nmae' is not defined"),
    "a syntax error": ("aws.sqs.Queue(", r"SyntaxError"),
    "an unknown module": (
        "import not_installed_at_all",
        r"ModuleNotFoundError: No module named 'not_installed_at_all'\n\(the program runs with .*python",
    ),
    "an error in apply": (
        "pulumi.Output.from_input(0).apply(lambda zero: 1 // zero)",
        r"ZeroDivisionError: integer division or modulo by zero",
    ),
    "an invoke that the local cloud does not know": (
        "aws.get_availability_zones()",
        r"function aws:index/getAvailabilityZones:getAvailabilityZones is not supported",
    ),
    "an invoke with a wrong key": (
        'aws.iam.get_policy_document(statements=[{"action": ["x"]}])',
        r"unknown property statements\[0\].action of aws.iam.GetPolicyDocumentStatementArgs; did you mean",
    ),
    "a resource type that the local cloud does not know": (
        'aws.ssm.Document("d", content="{}", document_type="Command")',
        r"resource type aws:ssm/document:Document is not supported",
    ),
    "an input that the local cloud does not know": (
        'aws.sqs.Queue("q", name_prefix="x")',
        r"aws:sqs/queue:Queue 'q': namePrefix is not supported",
    ),
    "an import": (
        'aws.sqs.Queue("q", opts=pulumi.ResourceOptions(import_="https://q"))',
        r"import_: there is nothing to import on the local cloud",
    ),
    "a reference to another stack": (
        'pulumi.StackReference("org/other/dev")',
        r"StackReference 'org/other/dev': other stacks cannot be read here",
    ),
    "a resource hook": (
        'pulumi.ResourceHook("h", lambda args: None)',
        r"resource hook 'h': hooks do not run here",
    ),
    "a property path that is none": (
        'aws.sqs.Queue("q", opts=pulumi.ResourceOptions(ignore_changes=["tags["]))',
        r"'tags\[' is not a property path",
    ),
    "an error that the program logs": ('pulumi.log.error("out of coffee")', r"out of coffee"),
    "an exit": ('raise SystemExit("enough")', r"enough"),
    "a version that is not installed": (
        'pulumi.require_pulumi_version(">=99.0.0")',
        r"the program wants Pulumi >=99.0.0; this speaks the protocol of 3\.",
    ),
    "a silent exit": ("raise SystemExit(3)", r"__main__.py ended with exit code 3"),
}
WITHOUT_A_LINE = {"a resource hook", "an error that the program logs", "an exit", "a silent exit"}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, make_project) -> dict[str, tuple[str, list]]:
    """What a preview says to each mistake, and what it did. Side by side, because programs start slowly."""

    def outcome(mistake: str) -> tuple[str, list]:
        project = make_project(tmp_path_factory.mktemp("mistake") / "program")
        project.write(f"# the mistake is below\n{MISTAKES[mistake][0]}\n")
        try:
            project.deployment().preview()
        except ProgramError as error:
            return str(error), project.cloud.calls
        return "", []

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(MISTAKES, pool.map(outcome, MISTAKES), strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place(outcomes, mistake):
    text, calls = outcomes[mistake]
    assert re.search(MISTAKES[mistake][1], text), text
    if mistake not in WITHOUT_A_LINE:
        assert text.startswith("__main__.py:3: "), text
    assert "site-packages" not in text
    assert calls == []


def test_a_remote_component_is_refused(project):
    project.write("""
    class Site(pulumi.ComponentResource):
        def __init__(self, name):
            super().__init__("x:index:Site", name, {}, remote=True)
    Site("s")
    """)
    with pytest.raises(ProgramError, match=r"^__main__.py:5: x:index:Site 's': remote components"):
        project.deployment().preview()


def test_a_mistake_in_another_file_is_told_there(project):
    project.write("import parts\nparts.queue()")
    (project.folder / "parts.py").write_text(
        'import pulumi_aws as aws\n\ndef queue():\n    aws.sqs.Queue("q", delay_seconds=True)\n'
    )
    with pytest.raises(
        ProgramError, match=r"^parts.py:4: aws:sqs/queue:Queue 'q': delay_seconds: an integer wanted"
    ):
        project.deployment().preview()


def test_modules_of_the_program_are_its_own(project):
    project.write("import config, values, state\nprint(config.HERE)")
    for name in ("config", "values", "state"):
        (project.folder / f"{name}.py").write_text("HERE = 'mine'\n")
    project.deployment().preview()
    assert project.said == ["mine"]


def test_an_output_in_text_is_warned_of_with_its_line(project):
    project.write('queue = aws.sqs.Queue("q")\naws.sqs.Queue("other", name="x", policy=f"{queue.arn}")')
    result = project.deployment().preview()
    assert any(text.startswith("__main__.py:3: Calling __str__ on an Output[T]") for text in result.warnings)


def test_what_the_program_prints_and_logs_is_told(project):
    project.write("""
    import sys
    print("to out"); print("to err", file=sys.stderr)
    pulumi.log.info("noted"); pulumi.log.warn("careful")
    """)
    result = project.deployment().preview()
    said = {(event.status, event.text) for event in project.events if event.text}
    assert said == {
        ("output", "to out"),
        ("output", "to err"),
        ("info", "noted"),
        ("warning", "__main__.py:4: careful"),
    }
    assert result.warnings == ("__main__.py:4: careful",)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"role": "r", "timeout": True}, "timeout: an integer wanted, got True or False"),
        ({"role": "r", "timeout": 1.5}, "timeout: an integer wanted, got a number"),
        ({"role": "r", "tags": {"a": 1}}, "tags.a: a string wanted, got an integer"),
        ({"role": "r", "tags": ["a"]}, "tags: a map of string wanted, got a list"),
        ({"role": "r", "architectures": "arm64"}, "architectures: a list of string wanted, got a string"),
        ({"role": {"a": 1}}, "role: a string wanted, got a map"),
        ({"role": "r", "code": "x"}, "code: a Archive wanted, got a string"),
        ({"role": "r", "handler": Archive("x")}, "handler: a string wanted, got an archive"),
        (
            {"role": "r", "runtime": "pyton3.13"},
            "runtime: 'pyton3.13' is not one of Runtime; did you mean 'python3.13'?",
        ),
        ({"role": "r", "runtime": 3}, "runtime: a string or a Runtime wanted, got an integer"),
        (
            {"role": "r", "memorySise": 1},
            "unknown property memorySise of aws.lambda_.Function; did you mean memory_size?",
        ),
        ({}, "missing required property role of aws.lambda_.Function"),
        ({"role": UNKNOWN, "timeout": UNKNOWN, "environment": UNKNOWN, "tags": {"a": UNKNOWN}}, None),
        ({"role": Secret("r"), "runtime": "cobol1", "layers": [Secret("a")], "timeout": None}, None),
    ],
)
def test_inputs_are_held_against_the_sdk(inputs, message):
    found = checks.resource("aws:lambda/function:Function", inputs)
    if message is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(message)


@pytest.mark.parametrize("wanted", [">=3.0.0", "3.1.0 || >=3.2.0", ">=3.0.0 <4.0.0 !3.0.1", "> 3.0 <= 99"])
def test_a_range_of_versions_that_holds(wanted):
    require_version(wanted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (">=99.0.0", r"the program wants Pulumi >=99.0.0; this speaks the protocol of 3\."),
        ("<3.0.0 || =99.1", r"the program wants"),
        ("newest", r"'newest' is not a range of versions"),
        (">=3.0.0 ||", r"is not a range"),
    ],
)
def test_a_range_of_versions_that_does_not_hold(wanted, message):
    with pytest.raises(RefusedError, match=message):
        require_version(wanted)


def test_the_project_file_may_require_a_version(project):
    project.write("")
    (project.folder / "Pulumi.yaml").write_text(
        "name: shop\nruntime: python\nrequiredPulumiVersion: '>=99.0.0'\n"
    )
    with pytest.raises(ProgramError, match=r"wants Pulumi >=99\.0\.0"):
        project.deployment().preview()
