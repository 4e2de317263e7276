"""Resource options, components, transforms, explicit providers and `.get()`."""

from __future__ import annotations

import pytest

from serverless_ai_local.doors.pulumi import ProgramError


def done(result) -> list[tuple[str, str]]:
    """What was not left as it was."""
    return [(step.op, step.name) for step in result.steps if step.op != "same"]


def test_protect_stops_destroy_removal_and_replacement_until_it_is_taken_off(project, cloud):
    program = 'aws.sqs.Queue("jobs", fifo_queue={fifo}, opts=pulumi.ResourceOptions(protect={protect}))'
    project.write(program.format(fifo=False, protect=True) + '\naws.sqs.Queue("other")')
    project.deployment().up()
    cloud.taken()
    with pytest.raises(
        ProgramError, match=r"protected and so not deleted: aws:sqs/queue:Queue 'jobs'; set protect"
    ):
        project.deployment().destroy()
    project.write("")
    with pytest.raises(ProgramError, match="protected and so not deleted"):
        project.deployment().up()
    project.write(program.format(fifo=True, protect=True))
    with pytest.raises(ProgramError, match=r"it would be replaced \(fifoQueue\) and is protected"):
        project.deployment().up()
    assert cloud.taken() == []
    project.write(program.format(fifo=False, protect=False))
    assert done(project.deployment().up()) == [("delete", "other")]
    project.deployment().destroy()
    assert cloud.live == {}


def test_retained_and_deleted_with_others(project, cloud):
    project.write("""
    kept = aws.sqs.Queue("kept", opts=pulumi.ResourceOptions(retain_on_delete=True))
    host = aws.sqs.Queue("host")
    aws.sqs.Queue("guest", opts=pulumi.ResourceOptions(deleted_with=host))
    """)
    project.deployment().up()
    cloud.taken()
    assert set(done(project.deployment().destroy())) >= {
        ("retain", "kept"),
        ("delete", "host"),
        ("delete", "guest"),
    }
    assert cloud.taken() == [("delete", "host")]


def test_ignored_changes_and_changes_that_replace(project, cloud):
    program = """
    aws.sqs.Queue("jobs", delay_seconds={delay}, tags={tags},
        opts=pulumi.ResourceOptions(ignore_changes={ignored}, replace_on_changes={replacing}))
    """

    def up(delay, tags, ignored=(), replacing=()):
        project.write(
            program.format(delay=delay, tags=tags, ignored=list(ignored), replacing=list(replacing))
        )
        return done(project.deployment().up())

    up(1, {"a": "1", "b": "1"})
    assert up(2, {"a": "2", "b": "2"}, ignored=["delay_seconds", "tags.a"]) == [("update", "jobs")]
    assert next(iter(cloud.live.values()))["tags"] == {"a": "1", "b": "2"}
    assert next(iter(cloud.live.values()))["delaySeconds"] == 1
    assert up(3, {"c": "3"}, ignored=["*"]) == []
    assert up(3, {"a": "1", "b": "2"}, replacing=["tags"]) == [("update", "jobs")]
    assert up(3, {"a": "9", "b": "2"}, replacing=["tags.a"]) == [("replace", "jobs")]


def test_a_trigger_and_the_replacement_of_another_replace(project):
    program = """
    first = aws.sqs.Queue("first", opts=pulumi.ResourceOptions(replacement_trigger={trigger}))
    aws.sqs.Queue("second", opts=pulumi.ResourceOptions(replace_with=[first]))
    """
    project.write(program.format(trigger=1))
    project.deployment().up()
    project.write(program.format(trigger=2))
    assert done(project.deployment().up()) == [("replace", "first"), ("replace", "second")]


def test_renaming_with_aliases_keeps_everything(project, cloud):
    project.write("""
    class Box(pulumi.ComponentResource):
        def __init__(self, name, opts=None):
            super().__init__("shop:index:Box", name, None, opts)
            aws.sqs.Queue(f"{name}-jobs", opts=pulumi.ResourceOptions(parent=self))
    Box("old")
    aws.sqs.Queue("plain")
    """)
    first = project.deployment().up()
    cloud.taken()
    project.write("""
    class Box(pulumi.ComponentResource):
        def __init__(self, name, opts=None):
            super().__init__("shop:index:Box", name, None, opts)
            aws.sqs.Queue(f"{name}-jobs", opts=pulumi.ResourceOptions(parent=self))
    box = Box("new", pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old")]))
    was = pulumi.Alias(name="plain", parent=None)
    aws.sqs.Queue("moved", opts=pulumi.ResourceOptions(parent=box, aliases=[was]))
    """)
    second = project.deployment().up()
    assert {step.op for step in second.steps} == {"same"}
    assert {step.name for step in second.steps if "Queue" in step.type} == {"new-jobs", "moved"}
    assert cloud.taken() == []
    assert {one.physical_id for one in second.graph} == {one.physical_id for one in first.graph}


def test_a_component_is_a_parent_and_has_outputs(project):
    project.write("""
    class Box(pulumi.ComponentResource):
        url: pulumi.Output[str]
        def __init__(self, name):
            super().__init__("shop:index:Box", name)
            queue = aws.sqs.Queue("jobs", opts=pulumi.ResourceOptions(parent=self))
            self.url = queue.url
            self.register_outputs({"url": queue.url, "queue": queue})
    box = Box("box")
    pulumi.export("url", box.url)
    pulumi.export("urn", box.urn)
    aws.sqs.Queue("after", opts=pulumi.ResourceOptions(depends_on=box))
    """)
    result = project.deployment().up()
    urns = {step.name: step.urn for step in result.steps}
    assert urns["jobs"] == "urn:pulumi:dev::shop::shop:index:Box$aws:sqs/queue:Queue::jobs"
    assert result.outputs["urn"] == urns["box"] == "urn:pulumi:dev::shop::shop:index:Box::box"
    assert result.outputs["url"].startswith("https://jobs-")
    after = next(one for one in result.graph if one.name == "after")
    assert after.depends_on == ("jobs",)


def test_transforms_of_the_stack_of_a_resource_and_of_its_parent(project, cloud):
    project.write(
        """
    def tagged(mark):
        def transform(args):
            if args.type_ != "aws:sqs/queue:Queue":
                return None
            args.props["tags"] = {**args.props.get("tags", {}), mark: "yes"}
            args.opts.ignore_changes = [*(args.opts.ignore_changes or []), "delaySeconds"]
            return pulumi.ResourceTransformResult(args.props, args.opts)
        return transform
    pulumi.runtime.register_resource_transform(tagged("stack"))
    class Box(pulumi.ComponentResource):
        def __init__(self, name, opts):
            super().__init__("shop:index:Box", name, None, opts)
            aws.sqs.Queue("inner", opts=pulumi.ResourceOptions(parent=self))
    Box("box", pulumi.ResourceOptions(transforms=[tagged("parent")]))
    aws.sqs.Queue("outer", delay_seconds=DELAY, tags={"own": "yes"},
        opts=pulumi.ResourceOptions(transforms=[tagged("self")], protect=True))
    """.replace("DELAY", "1")
    )
    project.deployment().up()
    tags = {handle.split("#")[0]: set(inputs["tags"]) for handle, inputs in cloud.live.items()}
    assert tags == {"inner": {"parent", "stack"}, "outer": {"own", "self", "stack"}}
    program = (project.folder / "__main__.py").read_text()
    (project.folder / "__main__.py").write_text(program.replace("delay_seconds=1", "delay_seconds=2"))
    assert {step.op for step in project.deployment().up().steps} == {"same"}
    with pytest.raises(ProgramError, match="protected"):
        project.deployment().destroy()


def test_a_transform_that_fails_is_told_with_the_resource(project):
    project.write("""
    def broken(args):
        raise ValueError("cannot transform")
    aws.sqs.Queue("jobs", opts=pulumi.ResourceOptions(transforms=[broken]))
    """)
    with pytest.raises(
        ProgramError, match=r"__main__.py:4: aws:sqs/queue:Queue 'jobs': a transform failed: .*cannot"
    ):
        project.deployment().preview()


def test_an_explicit_provider_says_where_and_moving_replaces(project, cloud):
    program = """
    there = aws.Provider("there", region="{region}")
    aws.sqs.Queue("jobs", name="fixed", opts=pulumi.ResourceOptions(provider=there))
    aws.sqs.Queue("here")
    class Box(pulumi.ComponentResource):
        def __init__(self, name, opts):
            super().__init__("shop:index:Box", name, None, opts)
            aws.sqs.Queue("child", opts=pulumi.ResourceOptions(parent=self))
            found = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self))
            pulumi.export("region", found.region)
    Box("box", pulumi.ResourceOptions(providers=[there]))
    """
    project.write(program.format(region="eu-west-1"))
    result = project.deployment(config={"aws:region": "us-west-2"}).up()
    assert cloud.places == {"jobs": "eu-west-1", "here": "us-west-2", "child": "eu-west-1"}
    assert result.outputs["region"] == "eu-west-1"
    cloud.taken()
    project.write(program.format(region="eu-central-1"))
    moved = project.deployment(config={"aws:region": "us-west-2"}).up()
    steps = [(step.op, step.name, step.diff) for step in moved.steps if step.op != "same"]
    assert ("update", "there", ("region",)) in steps
    assert ("replace", "jobs", ("provider",)) in steps
    # Another region is another place: both can have the name, so the new one comes first.
    assert [call for call in cloud.taken() if call[1] == "jobs"] == [("create", "jobs"), ("delete", "jobs")]


def test_what_exists_already_is_read_and_never_deleted(project, cloud):
    project.write("""
    table = aws.sqs.Queue.get("theirs", "https://theirs")
    aws.sqs.Queue("ours", policy=table.arn)
    pulumi.export("url", table.url)
    """)
    result = project.deployment().up()
    assert ("read", "theirs") in [(step.op, step.name) for step in result.steps]
    assert result.outputs["url"] == "https://https://theirs"
    cloud.taken()
    project.deployment().destroy()
    assert cloud.taken() == [("delete", "ours")]


def test_outputs_named_secret_are_secret(project):
    project.write("""
    queue = aws.sqs.Queue("jobs", opts=pulumi.ResourceOptions(additional_secret_outputs=["arn"]))
    pulumi.export("arn", queue.arn)
    pulumi.export("text", queue.arn.apply(lambda arn: f"<{arn}>"))
    """)
    result = project.deployment().up()
    assert str(result.outputs["arn"]) == str(result.outputs["text"]) == "[secret]"
    assert result.outputs["text"].value == f"<{result.outputs['arn'].value}>"
    assert "arn:aws:x" not in project.state
    assert project.deployment().up().outputs == result.outputs


def test_what_is_made_within_apply_is_missing_from_the_preview_only(project):
    project.write("""
    queue = aws.sqs.Queue("jobs")
    queue.arn.apply(lambda arn: aws.sqs.Queue("late", name=arn[-5:]) and None)
    """)
    assert "late" not in {step.name for step in project.deployment().preview().steps}
    assert ("create", "late") in done(project.deployment().up())
    assert done(project.deployment().preview()) == []


def test_an_archive_counts_by_its_content(project, cloud):
    code = project.folder / "code"
    project.write(
        'aws.lambda_.Function("f", role="r", code=pulumi.AssetArchive({"a": pulumi.FileArchive("code")}))'
    )
    code.mkdir()
    (code / "app.py").write_text("one")
    project.deployment().up()
    (code / "app.py").touch()
    assert done(project.deployment().up()) == []
    (code / "app.py").write_text("two")
    result = project.deployment().up()
    assert [step.diff for step in result.steps if step.op == "update"] == [("code",)]
    assert list(next(iter(cloud.live.values()))["code"].members) == ["a/app.py"]


def test_the_programs_own_calls_to_aws_stay_local(project, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    project.write('import os; print({k: v for k, v in os.environ.items() if k.startswith("AWS_")})')
    project.deployment(endpoint="http://127.0.0.1:9").preview()
    assert "production" not in project.said[0]
    assert "'AWS_ENDPOINT_URL': 'http://127.0.0.1:9'" in project.said[0]


def test_a_provider_package_without_a_local_cloud_is_named(project):
    project.write('pulumi.CustomResource("random:index/randomId:RandomId", "r", {})')
    with pytest.raises(
        ProgramError, match=r"pulumi_random is not installed|provider 'random' has no local cloud"
    ):
        project.deployment().preview()
