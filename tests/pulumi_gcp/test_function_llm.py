"""The function, its source, its state and what an operator sees, by default and with every part."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from gcp_provider import PROJECT, REGION, account, edge, told

from serverless_ai_patterns import bundle
from serverless_ai_patterns.function_llm import FunctionLlmSettings, FunctionSettings, Throttle
from serverless_ai_patterns.gcp import observability
from serverless_ai_patterns.models_gcp import resolve_gcp
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_pulumi.gcp import FunctionLlm


def test_the_minimal_call_makes_a_private_function_that_scales_to_zero(usual):
    made = usual.one("Function").inputs
    service = made["serviceConfig"]
    expected = {
        "availableCpu": "1",
        "availableMemory": "512Mi",
        "timeoutSeconds": 29,
        "minInstanceCount": 0,
        "maxInstanceRequestConcurrency": 40,
        "allTrafficOnLatestRevision": True,
        "serviceAccountEmail": account(usual, "function"),
    }
    assert {key: service[key] for key in expected} == expected
    assert made["location"] == REGION
    assert service["environmentVariables"]["THREADS"] == "40", "as many threads as requests at once"
    assert not {"directVpcEgress", "vpcConnector", "secretEnvironmentVariables"} & set(service)
    assert not {"eventTrigger", "kmsKeyName"} & set(made)


def test_the_source_is_the_bundle_under_a_name_that_changes_with_it(usual):
    made = usual.one("BucketObject").inputs
    files = bundle.bundle("function_llm", "gcp")
    assert {name: Path(asset["path"]) for name, asset in made["source"]["assets"].items()} == dict(files)
    assert {"main.py", "requirements.txt"} <= files.keys(), "where the host looks for them"
    state = hashlib.sha256()
    for name in sorted(files):
        content = files[name].read_bytes()
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    assert made["name"] == f"function_llm-{state.hexdigest()}.zip"
    build = usual.one("Function").inputs["buildConfig"]
    assert (build["runtime"], build["entryPoint"]) == ("python313", "function_llm")
    assert build["source"]["storageSource"] == {"bucket": made["bucket"], "object": made["name"]}


def test_the_source_is_out_of_public_reach(usual):
    bucket = usual.one("Bucket").inputs
    assert bucket["uniformBucketLevelAccess"] is True
    assert bucket["publicAccessPrevention"] == "enforced"
    assert bucket["name"].startswith(f"{PROJECT}-"), "bucket names are shared by all of Google Cloud"
    assert len(bucket["name"]) <= 63


def test_the_database_expires_records_can_be_restored_and_is_protected(usual):
    database = usual.one("Database").inputs
    expected = {
        "type": "FIRESTORE_NATIVE",
        "locationId": REGION,
        "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
        "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
        "deletionPolicy": "DELETE",
    }
    assert {key: database[key] for key in expected} == expected
    fields = {each.inputs["field"]: each.inputs for each in usual.all("Field")}
    assert fields.keys() == {"expires_at", "value"}
    for name, field in fields.items():
        assert (field["database"], field["collection"]) == (database["name"], "records")
        assert field["indexConfig"] == {"indexes": []}
        assert ("ttlConfig" in field) == (name == "expires_at")
    assert told(usual).store == f"projects/{PROJECT}/databases/{database['name']}/documents/records"


def test_protection_is_off_only_when_that_is_said(deploy):
    recording = deploy(lambda: FunctionLlm("chat", deletion_protection=False))
    assert recording.one("Database").inputs["deleteProtectionState"] == "DELETE_PROTECTION_DISABLED"


def test_logs_go_into_a_bucket_of_their_own_and_nowhere_else(usual, whole):
    bucket = usual.one("ProjectBucketConfig")
    assert (bucket.inputs["retentionDays"], bucket.inputs["location"]) == (30, REGION)
    sink, exclusion = usual.one("ProjectSink"), usual.one("ProjectExclusion")
    assert sink.inputs["destination"] == (
        f"logging.googleapis.com/projects/{PROJECT}/locations/{REGION}/buckets/{bucket.physical}"
    )
    assert sink.inputs["filter"] == exclusion.inputs["filter"]
    assert usual.one("Function").physical in sink.inputs["filter"]
    assert sink.urn in exclusion.dependencies, "no line is lost between the old way and the new one"
    assert whole.one("Gateway").physical in whole.one("ProjectSink").inputs["filter"]


def test_the_function_is_told_what_the_settings_say_and_what_was_made(usual, whole):
    config = told(usual)
    assert (config.model, config.model_endpoint) == (
        resolve_gcp("small").id,
        f"projects/{PROJECT}/locations/global",
    )
    assert (config.history_turns, config.session_ttl_s, config.max_output_tokens) == (10, 86400, 1024)
    assert (config.guardrail_id, config.destination) == ("", "")
    assert told(whole).guardrail_id == "BLOCK_LOW_AND_ABOVE"
    assert (edge(usual).requests_per_second, edge(usual).burst, edge(usual).timeout_s) == (10, 20, 29)


@pytest.mark.parametrize(
    ("settings", "instances"),
    [
        (FunctionLlmSettings(), 8),
        (FunctionLlmSettings(throttle=Throttle(requests_per_second=1, burst=1)), 1),
        (FunctionLlmSettings(throttle=Throttle(requests_per_second=10_000, burst=5000)), 1000),
        (FunctionLlmSettings(function=FunctionSettings(max_concurrency=1)), 1),
        (FunctionLlmSettings(function=FunctionSettings(timeout_s=3)), 2),
    ],
)
def test_instances_are_bounded_by_what_the_rate_limit_can_keep_busy(deploy, settings, instances):
    made = deploy(lambda: FunctionLlm("chat", settings)).one("Function").inputs
    assert made["serviceConfig"]["maxInstanceCount"] == instances


@pytest.mark.parametrize(("memory_mb", "cpus"), [(128, "1"), (4096, "1"), (4097, "2"), (10240, "4")])
def test_memory_comes_with_the_cpus_it_needs_and_never_less_than_one(deploy, memory_mb, cpus):
    settings = FunctionLlmSettings(function=FunctionSettings(memory_mb=memory_mb))
    service = deploy(lambda: FunctionLlm("chat", settings)).one("Function").inputs["serviceConfig"]
    assert (service["availableMemory"], service["availableCpu"]) == (f"{memory_mb}Mi", cpus)


def test_metrics_count_what_the_handler_writes(usual):
    service = usual.one("Function").physical
    for metric in observability.METRICS:
        made = usual.one("Metric", f"chat-{metric.word}").inputs
        assert made["filter"] == (
            f'resource.type="cloud_run_revision" AND resource.labels.service_name="{service}"'
            f" AND jsonPayload.{metric.field}>0"
        )
        assert (made["metricDescriptor"]["valueType"] == "DISTRIBUTION") == metric.summed
        assert made.get("valueExtractor") == (
            f"EXTRACT(jsonPayload.{metric.field})" if metric.summed else None
        )


def test_alarms_are_the_shared_specifications(usual, whole):
    for recording, count in ((usual, 4), (whole, 5)):
        watched = observability.Watched(
            service=recording.one("Function").physical,
            metrics={
                each.word: recording.one("Metric", f"chat-{each.word}").physical
                for each in observability.METRICS
            },
            dead_letters=recording.one("Subscription", "chat-dead-letters-waiting").physical
            if recording is whole
            else "",
        )
        specs = observability.function_llm_alerts(
            watched, timeout_s=29, tokens_per_hour=alarm_tokens_per_hour(2_000_000)
        )
        made = {each.inputs["displayName"]: each.inputs for each in recording.all("AlertPolicy")}
        assert len(made) == len(specs) == count
        for spec in specs:
            (condition,) = made[f"chat: {spec.title}"]["conditions"]
            query = condition["conditionPrometheusQueryLanguage"]
            assert (query["query"], query["duration"]) == (spec.query, f"{spec.duration_s}s")
            assert query["disableMetricValidation"] is True
        body = observability.function_llm_dashboard(watched.service, watched)
        assert recording.one("Dashboard").document("dashboardJson") == body
