"""The one endpoint of all services, with boto3 as its client."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError

from serverless_ai_local.launch import Credentials, RunningCloud

Client = Callable[[str], Any]
ACCOUNT = "123456789012"
READS = {
    "apigatewayv2": "get_apis",
    "bedrock": "list_guardrails",
    "cloudformation": "list_stacks",
    "cloudwatch": "describe_alarms",
    "dynamodb": "list_tables",
    "ecr": "describe_repositories",
    "events": "list_rules",
    "iam": "list_users",
    "kms": "list_keys",
    "lambda": "list_functions",
    "logs": "describe_log_groups",
    "s3": "list_buckets",
    "scheduler": "list_schedules",
    "secretsmanager": "list_secrets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "ssm": "describe_parameters",
    "sts": "get_caller_identity",
}


def refused(call: Callable[[], Any]) -> tuple[str, int, str]:
    """Code, status and message of the error that the call raises."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


def raw(
    cloud: RunningCloud, method: str, target: str, body: bytes = b"", **headers: str
) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=20)
    try:
        connection.request(method, target, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("service", sorted(READS))
def test_every_service_answers_boto3(root: Client, service: str) -> None:
    answer = getattr(root(service), READS[service])()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-requestid")


# -- refusals, in each protocol's own words ---------------------------------------------------------
WORDS = {
    "dynamodb": ("list_tables", "UnrecognizedClientException", "InvalidSignatureException"),  # json
    "lambda": ("list_functions", "UnrecognizedClientException", "InvalidSignatureException"),  # rest-json
    "iam": ("list_users", "InvalidClientTokenId", "SignatureDoesNotMatch"),  # query
    "s3": ("list_buckets", "InvalidAccessKeyId", "SignatureDoesNotMatch"),  # rest-xml
    "ec2": ("describe_vpcs", "InvalidClientTokenId", "SignatureDoesNotMatch"),
}


@pytest.mark.parametrize("service", sorted(WORDS))
def test_unknown_keys_and_wrong_secrets(cloud: RunningCloud, service: str) -> None:
    operation, unknown, mismatch = WORDS[service]
    stranger = cloud.client(service, Credentials(access_key="AKIAUNKNOWN", secret_key="x"))
    forger = cloud.client(service, Credentials(access_key="test", secret_key="tset"))
    assert refused(getattr(stranger, operation))[:2] == (unknown, 403)
    code, status, message = refused(getattr(forger, operation))
    assert (code, status) == (mismatch, 403)
    assert "does not match the signature you provided" in message


def test_a_session_token_that_was_not_issued_with_the_key(cloud: RunningCloud) -> None:
    sts = cloud.client("sts", Credentials(access_key="test", secret_key="test", token="made-up"))
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


class OldSigner(SigV4Auth):
    """botocore's signer with another clock."""

    moment = ""

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self.moment
        super()._modify_request_before_signing(request)


@pytest.mark.parametrize(
    ("service", "minutes", "code", "text"),
    [
        ("dynamodb", -6, "InvalidSignatureException", "Signature expired: "),
        ("dynamodb", 6, "InvalidSignatureException", "Signature not yet current: "),
        ("iam", -6, "SignatureDoesNotMatch", "Signature expired: "),
        ("s3", -20, "RequestTimeTooSkewed", "too large"),
    ],
)
def test_signatures_of_another_time(
    cloud: RunningCloud, service: str, minutes: int, code: str, text: str
) -> None:
    signer = OldSigner(Keys("test", "test"), service, "us-east-1")
    signer.moment = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y%m%dT%H%M%SZ")
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables"} if service == "dynamodb" else {}
    request = AWSRequest("POST", cloud.url + "/", headers, b"{}")
    signer.add_auth(request)
    status, _, body = raw(
        cloud, "POST", "/", b"{}", **{k.replace("-", "_"): v for k, v in request.headers.items()}
    )
    assert status == 403
    assert code.encode() in body
    assert text.encode() in body


def test_a_tampered_call_does_nothing(cloud: RunningCloud, root: Client, name: Callable[[str], str]) -> None:
    """The signature of one call does not carry another one's body."""
    honest, evil = name("honest"), name("evil")
    body = json.dumps({"QueueName": honest}).encode()
    headers = {"X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", cloud.url + "/", headers, body)
    SigV4Auth(Keys("test", "test"), "sqs", "us-east-1").add_auth(request)
    signed = {k.replace("-", "_"): v for k, v in request.headers.items()}
    status, _, answer = raw(cloud, "POST", "/", body.replace(honest.encode(), evil.encode()), **signed)
    assert (status, b"InvalidSignatureException" in answer) == (403, True)
    assert root("sqs").list_queues(QueueNamePrefix=evil).get("QueueUrls", []) == []
    assert raw(cloud, "POST", "/", body, **signed)[0] == 200


def test_unsigned_calls_are_refused_in_the_form_of_their_protocol(cloud: RunningCloud) -> None:
    status, _, body = raw(cloud, "POST", "/", b"{}", X_Amz_Target="DynamoDB_20120810.ListTables")
    assert (status, json.loads(body)["__type"]) == (403, "MissingAuthenticationTokenException")
    form = "application/x-www-form-urlencoded"
    status, headers, body = raw(cloud, "POST", "/", b"Action=ListUsers&Version=2010-05-08", Content_Type=form)
    assert (status, headers["content-type"].partition(";")[0]) == (403, "text/xml")
    assert b"<Code>MissingAuthenticationToken</Code>" in body
    status, headers, body = raw(cloud, "GET", "/")
    assert (status, headers["content-type"]) == (403, "application/json")


def test_sigv2_and_bearer_tokens_are_named_as_what_is_not_accepted(cloud: RunningCloud) -> None:
    for header in ("AWS AKIA:abc", "Bearer abc", "AWS4-ECDSA-P256-SHA256 Credential=x"):
        status, _, body = raw(cloud, "GET", "/bucket", Authorization=header)
        assert status == 403
        assert b"AWS4-HMAC-SHA256" in body


# -- what is not there ------------------------------------------------------------------------------
def test_an_operation_that_nothing_offers_is_an_error_with_its_name(
    cloud: RunningCloud, root: Client
) -> None:
    once = Config(retries={"total_max_attempts": 1})
    for service, operation in (("xray", "get_groups"), ("ec2", "describe_instance_connect_endpoints")):
        client = boto3.client(
            service,
            endpoint_url=cloud.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=once,
        )
        code, status, message = refused(getattr(client, operation))
        assert (code, status) == ("NotImplemented", 501)
        assert re.sub("[^a-z]", "", f"{service}{operation}") in re.sub("[^a-z]", "", message.lower())


@pytest.mark.parametrize(
    ("service", "target", "headers", "named"),
    [
        ("dynamodb", "/", {"X-Amz-Target": "DynamoDB_20120810.MakeCoffee"}, "MakeCoffee"),
        ("dynamodb", "/", {"X-Amz-Target": "AmazonSQS.SendMessage"}, "AmazonSQS.SendMessage"),
        ("lambda", "/2015-03-31/coffee", {}, "/2015-03-31/coffee"),
        ("coffee", "/", {}, "coffee"),
        ("..", "/", {}, ".."),
    ],
)
def test_unknown_services_and_operations_are_named(
    cloud: RunningCloud, service: str, target: str, headers: dict[str, str], named: str
) -> None:
    request = AWSRequest("POST", cloud.url + target, headers, b"{}")
    SigV4Auth(Keys("test", "test"), service, "us-east-1").add_auth(request)
    sent = {k.replace("-", "_"): v for k, v in request.headers.items()}
    status, answered, body = raw(cloud, "POST", target, b"{}", **sent)
    assert status in (403, 404)
    assert "json" in answered["content-type"]
    assert named in json.loads(body)["message"]


def test_bodies_that_cannot_be_read_are_errors_and_not_tracebacks(cloud: RunningCloud) -> None:
    headers = {"X-Amz-Target": "DynamoDB_20120810.GetItem", "Content-Type": "application/x-amz-json-1.0"}
    for body in (b"{not json", b"\xff\xfe", b"[]", b""):
        request = AWSRequest("POST", cloud.url + "/", headers, body)
        SigV4Auth(Keys("test", "test"), "dynamodb", "us-east-1").add_auth(request)
        status, answered, text = raw(
            cloud, "POST", "/", body, **{k.replace("-", "_"): v for k, v in request.headers.items()}
        )
        assert status >= 400
        assert "html" not in answered["content-type"], text


# -- who is who -------------------------------------------------------------------------------------
def test_get_caller_identity_says_who_signed(
    cloud: RunningCloud, root: Client, role: Any, name: Callable[[str], str]
) -> None:
    assert root("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    mine = role.client("sts").get_caller_identity()
    assert mine["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role.name}/by-hand"
    assert mine["Account"] == ACCOUNT
    user = name("user")
    arn = root("iam").create_user(UserName=user)["User"]["Arn"]
    key = root("iam").create_access_key(UserName=user)["AccessKey"]
    keys = Credentials(access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    assert cloud.client("sts", keys).get_caller_identity()["Arn"] == arn
    root("iam").update_access_key(UserName=user, AccessKeyId=keys.access_key, Status="Inactive")
    assert refused(cloud.client("sts", keys).get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_session_of_sts_is_an_administrator(cloud: RunningCloud, root: Client, role: Any) -> None:
    got = root("sts").assume_role(RoleArn=role.arn, RoleSessionName="cli")["Credentials"]
    keys = Credentials(
        access_key=got["AccessKeyId"], secret_key=got["SecretAccessKey"], token=got["SessionToken"]
    )
    assert cloud.client("sqs", keys).list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    without = Credentials(access_key=keys.access_key, secret_key=keys.secret_key)
    assert refused(cloud.client("sqs", without).list_queues)[0] == "UnrecognizedClientException"


def test_credentials_of_a_role_that_does_not_exist(cloud: RunningCloud) -> None:
    from serverless_ai_local.launch import CloudError

    with pytest.raises(CloudError, match=r"404.*there is no role arn:aws:iam::1:role/ghost"):
        cloud.admin("POST", "iam/credentials", {"role_arn": "arn:aws:iam::1:role/ghost"})
    for body in (None, [], {"role": "x"}, {"role_arn": 5}):
        with pytest.raises(CloudError, match=r"400.*role_arn"):
            cloud.admin("POST", "iam/credentials", body)


# -- S3 on the wire ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "key", ["plain", "a/b c/ü+&=?#%/x", "dots/../x", "//slashes//", "star*'()!~", "trailing/"]
)
def test_s3_keys_survive_signing_and_transport(root: Client, name: Callable[[str], str], key: str) -> None:
    s3, bucket = root("s3"), name("bucket")
    s3.create_bucket(Bucket=bucket)
    body = bytes(range(256)) * 1000
    s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"under_score": "1", "dash-ed": "2"})
    found = s3.get_object(Bucket=bucket, Key=key)
    assert found["Body"].read() == body
    assert found["Metadata"] == {"under_score": "1", "dash-ed": "2"}
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


def test_presigned_urls_work_until_they_are_changed(cloud: RunningCloud, name: Callable[[str], str]) -> None:
    v4 = boto3.client(
        "s3",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(signature_version="s3v4"),
    )
    bucket = name("bucket")
    v4.create_bucket(Bucket=bucket)
    v4.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    url = v4.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b"}, ExpiresIn=60)
    parts = urlsplit(url)
    assert raw(cloud, "GET", f"{parts.path}?{parts.query}")[::2] == (200, b"hello")
    status, _, body = raw(cloud, "GET", f"{parts.path}c?{parts.query}")
    assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
    status, _, body = raw(cloud, "DELETE", f"{parts.path}?{parts.query}")
    assert status == 403
    older = parts.query.replace(f"X-Amz-Date={datetime.now(UTC):%Y}", "X-Amz-Date=2020")
    assert raw(cloud, "GET", f"{parts.path}?{older}")[0] in (400, 403)


# -- load -------------------------------------------------------------------------------------------
def test_twenty_clients_at_once(cloud: RunningCloud, name: Callable[[str], str]) -> None:
    """Each with its own connection; every call counts once."""
    table = name("table")
    cloud.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )

    def work(number: int) -> int:
        dynamodb = cloud.client("dynamodb")
        for _ in range(10):
            dynamodb.update_item(
                TableName=table,
                Key={"pk": {"S": "counter"}},
                UpdateExpression="ADD n :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return number

    with ThreadPoolExecutor(20) as pool:
        assert sorted(pool.map(work, range(20))) == list(range(20))
    item = cloud.client("dynamodb").get_item(TableName=table, Key={"pk": {"S": "counter"}})["Item"]
    assert item["n"] == {"N": "200"}
