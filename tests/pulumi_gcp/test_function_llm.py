"""What the Google Cloud component promises without being told anything, and with every part switched on."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pulumi
import pulumi_gcp as gcp
import pytest
from gcp_provider import AGENT, CLIENT, PROJECT, REGION, cloud
from recorder import deployer

from serverless_ai_patterns import bundle
from serverless_ai_patterns.function_llm import (
    Events,
    FunctionLlmSettings,
    FunctionSettings,
    Jwt,
    Llm,
    Sessions,
    Throttle,
    TokenBudget,
)
from serverless_ai_patterns.gcp import events, observability, policy
from serverless_ai_patterns.models_gcp import resolve_gcp
from serverless_ai_patterns.thresholds import alarm_tokens_per_hour
from serverless_ai_pulumi.gcp import FunctionLlm, VpcPlacement
from serverless_ai_runtime.config import FunctionLlmConfig, GcpEdgeConfig, from_env

STATELESS = FunctionLlmSettings(
    sessions=Sessions(history_turns=0), budget=TokenBudget(caller_tokens_per_day=0, total_tokens_per_day=0)
)
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/mine/cryptoKeys/mine"
GRANTS = ("IAMMember", "TopicIAMMember", "SubscriptionIAMMember", "RepositoryIamMember")


def variables(recording):
    return recording.one("Function").inputs["serviceConfig"]["environmentVariables"]


def told(recording):
    return from_env(FunctionLlmConfig, variables(recording))


def edge(recording):
    return from_env(GcpEdgeConfig, variables(recording))


def account(recording, use):
    return f"{recording.one('Account', f'chat-{use}').physical}@{PROJECT}.iam.gserviceaccount.com"


def grants(recording, member):
    """What `member` may do: role, resource, condition."""
    found = [each.inputs for kind in GRANTS for each in recording.all(kind)]
    return {
        (one["role"], one.get("topic") or one.get("subscription") or one.get("repository") or one["project"])
        for one in found
        if one["member"] == member
    }


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


def test_nobody_may_call_it_unless_somebody_is_named(usual, whole, deploy):
    assert usual.all("ServiceIamBinding") == usual.all("ServiceIamMember") == []

    def program():
        other = pulumi.Output.from_input("serviceAccount:a@b.iam.gserviceaccount.com")
        FunctionLlm("chat", invokers=["group:chat@example.com", other])

    named = deploy(program).one("ServiceIamBinding").inputs
    assert (named["role"], named["name"], named["location"]) == (
        "roles/run.invoker",
        usual.one("Function").physical,
        REGION,
    )
    assert named["members"] == ["group:chat@example.com", "serviceAccount:a@b.iam.gserviceaccount.com"]
    own = [f"serviceAccount:{account(whole, use)}" for use in ("gateway", "deliverer")]
    assert whole.one("ServiceIamBinding").inputs["members"] == ["group:chat@example.com", *own]


@pytest.mark.parametrize("anyone", ["allUsers", "allAuthenticatedUsers", "", "ada@example.com", "user:"])
def test_anyone_is_never_an_invoker(deploy, anyone):
    with pytest.raises(ValueError, match=r"invokers must be members .* never allUsers"):
        deploy(lambda: FunctionLlm("chat", invokers=[anyone]))


def test_no_resource_names_anyone(usual, whole):
    for recording in (usual, whole):
        text = json.dumps([each.inputs for each in recording.resources])
        assert not any(anyone in text for anyone in policy.NEVER)


def test_roles_are_custom_ones_or_on_the_written_list(usual, whole):
    for recording in (usual, whole):
        roles = {each.inputs["role"] for each in recording.resources if "role" in each.inputs}
        custom = {f"projects/{PROJECT}/roles/{each.physical}" for each in recording.all("IAMCustomRole")}
        assert roles <= custom | policy.ROLES.keys()
        assert custom <= roles, "no role is made that nobody has"
    assert not any(re.search(r"(editor|owner|admin|\.user$)", role) for role in policy.ROLES)
    granted = {each.inputs["role"] for each in whole.resources if "role" in each.inputs}
    assert {role for role in granted if role.startswith("roles/")} == policy.ROLES.keys()


def test_the_functions_account_may_do_what_its_calls_need_and_nothing_else(usual, whole):
    permissions = {each.name: each.inputs["permissions"] for each in whole.all("IAMCustomRole")}
    assert permissions == {
        "chat-model": ["aiplatform.endpoints.predict"],
        "chat-records": ["datastore.entities.get", "datastore.entities.create", "datastore.entities.update"],
    }
    model, records = (
        f"projects/{PROJECT}/roles/{whole.one('IAMCustomRole', f'chat-{use}').physical}"
        for use in ("model", "records")
    )
    member = f"serviceAccount:{account(usual, 'function')}"
    always = {(model, PROJECT), (records, PROJECT)}
    assert grants(usual, member) == always
    topics = {
        ("roles/pubsub.publisher", whole.one("Topic", f"chat-{use}").physical)
        for use in ("results", "dead-letters")
    }
    assert grants(whole, member) == always | topics


def test_records_of_another_database_are_out_of_reach(usual):
    condition = usual.one("IAMMember", "chat-function-records").inputs["condition"]
    database = usual.one("Database").physical
    assert condition["expression"] == f'resource.name == "projects/{PROJECT}/databases/{database}"'


def test_the_build_has_an_account_of_its_own_that_reads_sources_and_writes_one_repository(usual):
    build = usual.one("Function").inputs["buildConfig"]
    builder = account(usual, "build")
    assert build["serviceAccount"] == f"projects/{PROJECT}/serviceAccounts/{builder}"
    repository = usual.one("Repository").physical
    assert build["dockerRepository"] == f"projects/{PROJECT}/locations/{REGION}/repositories/{repository}"
    assert grants(usual, f"serviceAccount:{builder}") == {
        ("roles/logging.logWriter", PROJECT),
        ("roles/storage.objectViewer", PROJECT),
        ("roles/artifactregistry.writer", repository),
    }
    condition = usual.one("IAMMember", "chat-build-source").inputs["condition"]["expression"]
    assert re.findall(r'"projects/_/buckets/(.*?)"', condition) == [
        usual.one("Bucket").physical,
        "gcf-v2-sources-",
    ]


def test_the_function_waits_for_its_permissions_and_every_part_for_the_apis(whole):
    waited = set(whole.one("Function").dependencies)
    for name in ("chat-function-model", "chat-function-records", "chat-build-logs", "chat-build-source"):
        assert whole.one("IAMMember", name).urn in waited, name
    assert whole.one("TopicIAMMember", "chat-function-results").urn in waited
    services = {each.urn for each in whole.all("Service")}
    made = [each for each in whole.resources if each.type.startswith("gcp:") and each.urn not in services]
    assert all(services <= set(each.dependencies) for each in made)


def test_the_apis_that_are_used_are_enabled_and_stay_enabled(usual, whole):
    assert {each.inputs["disableOnDestroy"] for each in whole.all("Service")} == {False}
    enabled = {each.inputs["service"].split(".")[0] for each in whole.all("Service")}
    basic = {each.inputs["service"].split(".")[0] for each in usual.all("Service")}
    assert enabled - basic == {
        "apigateway",
        "cloudscheduler",
        "pubsub",
        "servicecontrol",
        "servicemanagement",
    }
    used = {"cloudfunctions", "run", "cloudbuild", "artifactregistry", "aiplatform", "firestore", "iam"}
    assert used <= basic


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


def test_a_jwt_gateway_checks_issuer_and_every_audience_on_one_route(whole):
    config = whole.one("ApiConfig").inputs
    (document,) = config["openapiDocuments"]
    content = json.loads(base64.b64decode(document["document"]["contents"]))
    assert content["securityDefinitions"]["jwt"] == {
        "type": "oauth2",
        "flow": "implicit",
        "authorizationUrl": "",
        "x-google-issuer": "https://login.example.com/",
        "x-google-audiences": "chat,admin",
    }
    assert list(content["paths"]) == ["/chat"]
    assert list(content["paths"]["/chat"]) == ["post"]
    route = content["paths"]["/chat"]["post"]
    assert route["security"] == [{"jwt": []}]
    url = f"https://{whole.one('Function').physical}-x.a.run.app"
    assert route["x-google-backend"] == {
        "address": url,
        "jwt_audience": url,
        "path_translation": "APPEND_PATH_TO_ADDRESS",
        "deadline": 30.0,
    }
    caller = account(whole, "gateway")
    assert config["gatewayConfig"]["backendConfig"]["googleServiceAccount"] == caller
    assert edge(whole).gateway == f"unique-id-of-{whole.one('Account', 'chat-gateway').physical}"


def test_without_jwt_there_is_no_gateway_and_nobodys_word_on_a_caller_counts(usual):
    assert not [each for each in usual.resources if each.type.startswith("gcp:apigateway/")]
    assert edge(usual).gateway == edge(usual).deliverer == ""


def test_an_issuer_without_discovery_names_its_keys(deploy, everything):
    recording = deploy(lambda: FunctionLlm("chat", everything, jwks_uri="https://login.example.com/keys"))
    (document,) = recording.one("ApiConfig").inputs["openapiDocuments"]
    content = json.loads(base64.b64decode(document["document"]["contents"]))
    jwt = content["securityDefinitions"]["jwt"]
    assert jwt["x-google-jwks_uri"] == "https://login.example.com/keys"


def test_a_gateway_may_be_in_another_region(deploy, everything):
    recording = deploy(lambda: FunctionLlm("chat", everything, gateway_region="europe-west2"))
    assert recording.one("Gateway").inputs["region"] == "europe-west2"
    assert recording.one("Function").inputs["location"] == REGION


@pytest.mark.parametrize("name", ["chat-rule", "chat-scheduled-push"])
def test_an_event_is_pushed_with_a_token_retried_and_then_kept(whole, name):
    made = whole.one("Subscription", name).inputs
    url = f"https://{whole.one('Function').physical}-x.a.run.app"
    assert made["pushConfig"] == {
        "pushEndpoint": f"{url}/events",
        "oidcToken": {"serviceAccountEmail": account(whole, "deliverer"), "audience": url},
    }
    assert made["retryPolicy"] == {"minimumBackoff": "10s", "maximumBackoff": "600s"}
    assert 10 <= made["ackDeadlineSeconds"] == 29 + events.REPLY_S <= 600
    assert edge(whole).deliverer == f"unique-id-of-{whole.one('Account', 'chat-deliverer').physical}"


def test_dead_letters_have_both_grants_without_which_they_stay_in_silence(whole):
    dead = whole.one("Topic", "chat-dead-letters").physical
    publisher = whole.one("TopicIAMMember", "chat-dead-letters-agent").inputs
    assert publisher == {"topic": dead, "role": "roles/pubsub.publisher", "member": AGENT}
    ending = [each for each in whole.all("Subscription") if "deadLetterPolicy" in each.inputs]
    assert {each.name for each in ending} == {"chat-rule", "chat-scheduled-push", "chat-results"}
    for each in ending:
        assert each.inputs["deadLetterPolicy"] == {
            "deadLetterTopic": f"projects/{PROJECT}/topics/{dead}",
            "maxDeliveryAttempts": 5,
        }
        subscriber = whole.one("SubscriptionIAMMember", f"{each.name}-agent").inputs
        assert subscriber == {
            "subscription": each.physical,
            "role": "roles/pubsub.subscriber",
            "member": AGENT,
        }


def test_dead_letters_wait_two_weeks_and_no_subscription_expires(whole):
    waiting = whole.one("Subscription", "chat-dead-letters-waiting").inputs
    assert waiting["topic"].endswith(whole.one("Topic", "chat-dead-letters").physical)
    assert waiting["messageRetentionDuration"] == "1209600s"
    assert {each.inputs["expirationPolicy"]["ttl"] for each in whole.all("Subscription")} == {""}


def test_the_function_gives_up_before_pubsub_does_and_says_why(whole):
    assert edge(whole).dead_letters.endswith(f"/{whole.one('Topic', 'chat-dead-letters').physical}")
    assert edge(whole).max_deliveries == events.DELIVERIES < events.ATTEMPTS


def test_only_events_that_match_are_delivered(whole):
    rule = whole.one("Subscription", "chat-rule").inputs
    assert rule["filter"] == (
        'attributes.source = "shop" AND (attributes.type = "OrderPlaced" OR attributes.type = "OrderPaid")'
    )
    assert rule["topic"].endswith(whole.one("Topic", "chat-events").physical)


def test_the_schedule_publishes_its_message_to_a_topic_that_is_its_own(whole):
    job = whole.one("Job").inputs
    assert (job["schedule"], job["timeZone"], job["region"]) == ("0 0 * * *", "Etc/UTC", REGION)
    target = job["pubsubTarget"]
    assert json.loads(base64.b64decode(target["data"])) == {
        "source": "schedule",
        "message": "Write today's summary.",
    }
    assert target["topicName"].endswith(whole.one("Topic", "chat-scheduled").physical)
    assert whole.one("Subscription", "chat-scheduled-push").inputs["topic"] == target["topicName"]


def test_results_are_published_and_wait_to_be_fetched(whole):
    results = whole.one("Topic", "chat-results").physical
    assert told(whole).destination == f"projects/{PROJECT}/topics/{results}"
    waiting = whole.one("Subscription", "chat-results").inputs
    assert waiting["topic"] == told(whole).destination
    assert "pushConfig" not in waiting


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


def test_everything_is_a_child_of_the_component_and_the_component_of_the_stack(whole):
    component = whole.one("FunctionLlm")
    assert component.type == "serverless-ai:gcp:FunctionLlm"
    assert component.parent.split("::")[2] == "pulumi:pulumi:Stack"
    children = [each for each in whole.resources if each is not component]
    assert {each.parent for each in children} == {component.urn}
    assert all(each.name.startswith("chat-") for each in children)


def test_the_same_program_twice_says_the_same(whole, deploy, everything):
    again = deploy(lambda: FunctionLlm("chat", everything, invokers=["group:chat@example.com"]))
    assert again.picture == whole.picture


def test_a_preview_knows_every_resource_that_an_update_makes(whole, deploy, everything):
    preview = deploy(
        lambda: FunctionLlm("chat", everything, invokers=["group:chat@example.com"]), preview=True
    )
    assert preview.picture.keys() == whole.picture.keys()


def test_one_call_asks_for_the_place_and_none_goes_to_google(whole):
    assert whole.invokes == [(CLIENT, "")]


@pytest.mark.parametrize(("what", "example"), [("project", "your-project-id"), ("region", "us-central1")])
@pytest.mark.parametrize("preview", [True, False])
def test_a_place_that_is_not_set_is_an_error_that_says_how_to_set_it(what, example, preview):
    nowhere = deployer(cloud(**{what: ""}))
    message = f"gcp:{what} is not set: pulumi config set gcp:{what} {example}"
    with pytest.raises(ValueError, match=message):
        nowhere(lambda: FunctionLlm("chat"), preview=preview)


def test_an_explicit_provider_reaches_every_child_and_the_call(deploy):
    def program():
        elsewhere = gcp.Provider("elsewhere", project=PROJECT, region=REGION)
        FunctionLlm("chat", opts=pulumi.ResourceOptions(provider=elsewhere))

    recording = deploy(program)
    reference = f"{recording.one('gcp', 'elsewhere').urn}::elsewhere-id"
    children = [each for each in recording.resources if each.name.startswith("chat-")]
    assert len(children) > 20
    assert {each.provider for each in children} == {reference}
    assert recording.invokes == [(CLIENT, reference)]


def test_two_components_share_nothing_but_the_apis(deploy):
    def program():
        FunctionLlm("one")
        FunctionLlm("two")

    recording = deploy(program)
    one, two = (
        [each for each in recording.resources if each.name.startswith(name)] for name in ("one", "two")
    )
    assert len(one) == len(two) == len(recording.resources) / 2
    for mine, other in ((one, "two"), (two, "one")):
        texts = [json.dumps(each.inputs) for each in mine if "BucketObject" not in each.type]
        assert not any(f"{other}-" in text or f"{other}_" in text for text in texts)
    shared = (":Service", ":ServiceIdentity", ":BucketObject", ":FunctionLlm")
    ours = [each for each in recording.resources if not each.type.endswith(shared)]
    names = [(each.type, each.physical) for each in ours]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["Chat", "my_chat.v2", "9lives", "x", "a" * 80, "über", "123"])
def test_any_name_of_a_component_gives_names_that_google_takes(deploy, everything, name):
    recording = deploy(lambda: FunctionLlm(name, everything))
    rules = {
        "Account": ("accountId", r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
        "Function": ("name", r"[a-z][a-z0-9-]{0,47}[a-z0-9]"),
        "IAMCustomRole": ("roleId", r"[a-zA-Z0-9_.]{3,64}"),
        "Database": ("name", r"[a-z][a-z0-9-]{2,61}[a-z0-9]"),
        "Topic": ("name", r"(?!goog)[a-zA-Z][\w.~+%-]{2,254}"),
        "Subscription": ("name", r"(?!goog)[a-zA-Z][\w.~+%-]{2,254}"),
        "Bucket": ("name", r"(?!goog)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"),
        "Api": ("apiId", r"[a-z0-9][a-z0-9-]{0,47}[a-z0-9]"),
        "Gateway": ("gatewayId", r"[a-z][a-z0-9-]{0,47}[a-z0-9]"),
        "Repository": ("repositoryId", r"[a-z][a-z0-9-]{0,61}[a-z0-9]"),
    }
    for kind, (field, rule) in rules.items():
        for each in recording.all(kind):
            assert re.fullmatch(rule, each.inputs[field]), each


def test_nothing_is_remembered_when_the_settings_say_so(deploy):
    recording = deploy(lambda: FunctionLlm("chat", STATELESS))
    assert recording.all("Database") == recording.all("Field") == []
    assert [each.name for each in recording.all("IAMCustomRole")] == ["chat-model"]
    assert "firestore.googleapis.com" not in {each.inputs["service"] for each in recording.all("Service")}
    assert told(recording).store == ""


@pytest.mark.parametrize("events_", [Events(schedule="rate(1 day)"), Events(bus_filter={"source": ["shop"]})])
def test_one_way_in_makes_nothing_of_the_other(deploy, events_):
    recording = deploy(lambda: FunctionLlm("chat", FunctionLlmSettings(events=events_)))
    scheduled = events_.schedule is not None
    assert len(recording.all("Job")) == scheduled
    pushes = [each.name for each in recording.all("Subscription") if "pushConfig" in each.inputs]
    assert pushes == (["chat-scheduled-push"] if scheduled else ["chat-rule"])
    assert len(recording.all("Topic")) == 2


def test_without_events_there_is_no_pubsub(usual):
    assert not [each for each in usual.resources if each.type.startswith(("gcp:pubsub/", "gcp:cloudsch"))]


def test_results_alone_need_no_one_who_delivers(deploy):
    settings = FunctionLlmSettings(events=Events(destination=True))
    recording = deploy(lambda: FunctionLlm("chat", settings))
    assert {each.name for each in recording.all("Account")} == {"chat-function", "chat-build"}
    assert edge(recording).dead_letters == ""


def test_a_log_bucket_of_yours_is_used_and_none_is_made(deploy):
    def program():
        mine = gcp.logging.ProjectBucketConfig("mine", bucket_id="mine", project=PROJECT, location=REGION)
        assert FunctionLlm("chat", log_group=mine).log_group is mine

    recording = deploy(program)
    assert [each.name for each in recording.all("ProjectBucketConfig")] == ["mine"]
    assert recording.one("ProjectSink").inputs["destination"].endswith("/buckets/mine")


def test_a_database_of_yours_is_used_and_none_is_made(deploy):
    def program():
        mine = gcp.firestore.Database("mine", name="mine", location_id=REGION, type="FIRESTORE_NATIVE")
        assert FunctionLlm("chat", database=mine).database is mine

    recording = deploy(program)
    assert [each.name for each in recording.all("Database")] == ["mine"]
    assert recording.all("Field") == []
    assert told(recording).store == f"projects/{PROJECT}/databases/mine/documents/records"
    condition = recording.one("IAMMember", "chat-function-records").inputs["condition"]
    assert condition["expression"].endswith('/databases/mine"')


def test_a_database_that_nothing_would_be_stored_in_is_refused(deploy):
    def program():
        mine = gcp.firestore.Database("mine", name="mine", location_id=REGION, type="FIRESTORE_NATIVE")
        FunctionLlm("chat", STATELESS, database=mine)

    with pytest.raises(ValueError, match="chat: a database was given, but these settings remember nothing"):
        deploy(program)


def test_in_a_network_of_yours_every_call_leaves_from_there(deploy):
    vpc = VpcPlacement(network="mine", subnetwork="mine-ew1", tags=["chat"])
    recording = deploy(lambda: FunctionLlm("chat", vpc=vpc))
    service = recording.one("Function").inputs["serviceConfig"]
    assert service["directVpcNetworkInterfaces"] == [
        {"network": "mine", "subnetwork": "mine-ew1", "tags": ["chat"]}
    ]
    assert service["directVpcEgress"] == "VPC_EGRESS_ALL_TRAFFIC"
    assert not [each for each in recording.resources if each.type.startswith(("gcp:compute/", "gcp:vpc"))]


def test_a_key_of_yours_encrypts_all_that_is_kept(deploy, everything):
    recording = deploy(lambda: FunctionLlm("chat", everything, key=pulumi.Output.from_input(KEY)))
    assert {each.inputs["kmsKeyName"] for each in recording.all("Topic")} == {KEY}
    assert recording.one("Function").inputs["kmsKeyName"] == KEY
    assert recording.one("Repository").inputs["kmsKeyName"] == KEY
    assert recording.one("Database").inputs["cmekConfig"] == {"kmsKeyName": KEY}
    assert recording.one("Bucket").inputs["encryption"] == {"defaultKmsKeyName": KEY}
    assert recording.one("ProjectBucketConfig").inputs["cmekSettings"] == {"kmsKeyName": KEY}
    assert recording.all("CryptoKeyIAMMember") == [], "who may use your key is yours to say"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (FunctionLlmSettings(events=Events(schedule="at(2027-01-01T00:00:00)")), "events.schedule 'at"),
        (FunctionLlmSettings(events=Events(schedule="rate(7 minutes)")), "on Google Cloud: its times"),
        (
            FunctionLlmSettings(events=Events(bus_filter={"detail": {"n": [1]}})),
            r"events\.bus_filter\.detail",
        ),
        (FunctionLlmSettings(function=FunctionSettings(log_retention_days=3653)), "at most 3650"),
        (FunctionLlmSettings(auth=Jwt(issuer="https://a.example", audience=("a,b",))), "no comma"),
        (FunctionLlmSettings(llm=Llm(model="smal")), "did you mean small"),
    ],
)
def test_what_google_cloud_cannot_have_is_refused_before_anything_is_made(deploy, settings, complaint):
    def program():
        with pytest.raises(ValueError, match=complaint):
            FunctionLlm("chat", settings)

    assert deploy(program).resources == []
