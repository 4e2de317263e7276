"""AWS's AI services as boto3 uses them: answers from the content, limits and errors of the services."""

from __future__ import annotations

import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from functions_cloud import REGION, LocalCloud, allow, eventually
from made_files import mp4, pdf, png, wav

from serverless_ai_local.aws.identities import Identities

_numbers = itertools.count(1)
BY_SNS = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
BY_EVENTS = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}


@pytest.fixture
def bucket(cloud: LocalCloud) -> str:
    name = f"contents{next(_numbers)}"
    cloud.client("s3").create_bucket(Bucket=name)
    return name


def put(cloud: LocalCloud, bucket: str, key: str, body: bytes) -> dict[str, Any]:
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return {"S3Object": {"Bucket": bucket, "Name": key}}


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def as_role(cloud: LocalCloud, service: str, *statements: dict[str, Any]) -> Any:
    """A client with the rights of a role that has these statements."""
    identities: Identities = cloud.events._lambda._roles._issuer
    issued = identities.issue(cloud.role(*statements), "test")
    session = boto3.session.Session(
        issued.access_key, issued.secret_key, aws_session_token=issued.token, region_name=REGION
    )
    return session.client(service, endpoint_url=cloud.url)


# -- Textract -------------------------------------------------------------------------------------
def lines(answer: dict[str, Any]) -> list[tuple[int, str]]:
    return [(one["Page"], one["Text"]) for one in answer["Blocks"] if one["BlockType"] == "LINE"]


def test_textract_reads_an_image_at_once(cloud: LocalCloud, bucket: str) -> None:
    textract, scan = cloud.client("textract"), png(description="RECEIPT\nTotal 7 ☂")
    from_bytes = textract.detect_document_text(Document={"Bytes": scan})
    assert lines(from_bytes) == [(1, "RECEIPT"), (1, "Total 7 ☂")]
    where = put(cloud, bucket, "a scan #1 100% ☂.png", scan)
    assert lines(textract.detect_document_text(Document=where)) == lines(from_bytes)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"words", "UnsupportedDocumentException"),
        (pdf("A page", "Another")[:150], "BadDocumentException"),
        (pdf("A page", "Another"), "UnsupportedDocumentException"),
    ],
)
def test_textract_says_why_it_reads_nothing_at_once(cloud: LocalCloud, content: bytes, code: str) -> None:
    textract = cloud.client("textract")
    assert refused(lambda: textract.detect_document_text(Document={"Bytes": content})) == code


def test_a_job_of_textract_tells_its_topic_and_gives_its_lines_page_by_page(
    cloud: LocalCloud, bucket: str
) -> None:
    textract, sns = cloud.client("textract"), cloud.client("sns")
    topic = sns.create_topic(Name=f"ends{next(_numbers)}")["TopicArn"]
    url, queue = cloud.queue(BY_SNS)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    role = cloud.role(allow("sns:Publish", on=topic), service="textract.amazonaws.com")
    asked: dict[str, Any] = {
        "DocumentLocation": put(cloud, bucket, "two.pdf", pdf("One bridge", "Two towers")),
        "ClientRequestToken": f"token{next(_numbers)}",
        "JobTag": "tag",
        "NotificationChannel": {"SNSTopicArn": topic, "RoleArn": role},
    }
    job = textract.start_document_text_detection(**asked)["JobId"]
    assert textract.start_document_text_detection(**asked)["JobId"] == job
    assert textract.get_document_text_detection(JobId=job)["JobStatus"] == "IN_PROGRESS"
    (message,) = eventually(lambda: cloud.received(url))
    said = json.loads(json.loads(message["Body"])["Message"])
    assert (said["JobId"], said["Status"], said["JobTag"]) == (job, "SUCCEEDED", "tag")
    assert said["DocumentLocation"] == {"S3ObjectName": "two.pdf", "S3Bucket": bucket}
    found, following = list[tuple[int, str]](), {}
    while True:
        answer = textract.get_document_text_detection(JobId=job, MaxResults=2, **following)
        found += lines(answer)
        if "NextToken" not in answer:
            break
        following = {"NextToken": answer["NextToken"]}
    assert [(page, text.strip()) for page, text in found] == [(1, "One bridge"), (2, "Two towers")]
    asked["JobTag"] = "other"
    assert refused(lambda: textract.start_document_text_detection(**asked)) == (
        "IdempotentParameterMismatchException"
    )


def test_a_role_that_textract_may_not_assume_is_refused(cloud: LocalCloud, bucket: str) -> None:
    role = cloud.role(allow("sns:Publish"), service="lambda.amazonaws.com")
    where = put(cloud, bucket, "a.pdf", pdf("A"))
    channel = {"SNSTopicArn": f"arn:aws:sns:{REGION}:123456789012:x", "RoleArn": role}
    start = cloud.client("textract").start_document_text_detection
    assert refused(lambda: start(DocumentLocation=where, NotificationChannel=channel)) == (
        "AccessDeniedException"
    )


def test_a_job_for_a_damaged_document_fails_and_an_unknown_one_is_unknown(
    cloud: LocalCloud, bucket: str
) -> None:
    textract = cloud.client("textract")
    where = put(cloud, bucket, "damaged.pdf", pdf("A", "B")[:150])
    job = textract.start_document_text_detection(DocumentLocation=where)["JobId"]
    ended = eventually(lambda: _ended(textract.get_document_text_detection(JobId=job)))
    assert (ended["JobStatus"], ended["StatusMessage"]) == ("FAILED", "BadDocumentException")
    assert refused(lambda: textract.get_document_text_detection(JobId="0" * 64)) == "InvalidJobIdException"


def _ended(answer: dict[str, Any]) -> dict[str, Any] | None:
    return answer if answer["JobStatus"] != "IN_PROGRESS" else None


# -- whose rights count ---------------------------------------------------------------------------
def test_files_are_read_with_the_rights_of_whoever_calls(cloud: LocalCloud, bucket: str) -> None:
    where = put(cloud, bucket, "scan.png", png(description="SECRET"))
    call = allow("textract:DetectDocumentText")
    stranger = as_role(cloud, "textract", call)
    assert refused(lambda: stranger.detect_document_text(Document=where)) == "InvalidS3ObjectException"
    friend = as_role(cloud, "textract", call, allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*"))
    assert lines(friend.detect_document_text(Document=where)) == [(1, "SECRET")]
    nobody = as_role(cloud, "textract", allow("s3:GetObject"))
    assert refused(lambda: nobody.detect_document_text(Document=where)) == "AccessDeniedException"


def test_a_role_for_textract_must_be_passed(cloud: LocalCloud, bucket: str) -> None:
    where = put(cloud, bucket, "a.pdf", pdf("A"))
    role = cloud.role(allow("sns:Publish"), service="textract.amazonaws.com")
    channel = {"SNSTopicArn": f"arn:aws:sns:{REGION}:123456789012:x", "RoleArn": role}
    may = [allow("textract:StartDocumentTextDetection"), allow("s3:GetObject")]
    start = as_role(cloud, "textract", *may).start_document_text_detection
    assert refused(lambda: start(DocumentLocation=where, NotificationChannel=channel)) == (
        "AccessDeniedException"
    )
    passing = {
        **allow("iam:PassRole", on=role),
        "Condition": {"StringEquals": {"iam:PassedToService": "textract.amazonaws.com"}},
    }
    started = as_role(cloud, "textract", *may, passing).start_document_text_detection
    assert started(DocumentLocation=where, NotificationChannel=channel)["JobId"]


# -- Rekognition ----------------------------------------------------------------------------------
def test_rekognition_labels_what_the_picture_holds(cloud: LocalCloud, bucket: str) -> None:
    rekognition = cloud.client("rekognition")
    where = put(cloud, bucket, "house.png", png(64, 64, keywords="house, roof"))
    labels = rekognition.detect_labels(Image=where, MinConfidence=60)["Labels"]
    assert [one["Name"] for one in labels] == ["Red", "house", "roof"]
    assert len(rekognition.detect_labels(Image=where, MaxLabels=1)["Labels"]) == 1
    assert rekognition.detect_moderation_labels(Image=where)["ModerationLabels"] == []
    (unfit,) = rekognition.detect_moderation_labels(Image={"Bytes": png(keywords="murder")})[
        "ModerationLabels"
    ]
    assert (unfit["Name"], round(unfit["Confidence"])) == ("Violence", 70)


def test_rekognition_takes_pictures_only_and_says_what_is_not_there(cloud: LocalCloud, bucket: str) -> None:
    rekognition = cloud.client("rekognition")
    words = {"Bytes": b"these are words"}
    assert refused(lambda: rekognition.detect_labels(Image=words)) == "InvalidImageFormatException"
    gone = {"S3Object": {"Bucket": bucket, "Name": "gone.png"}}
    assert refused(lambda: rekognition.detect_labels(Image=gone)) == "InvalidS3ObjectException"
    settings = {"GeneralLabels": {"LabelInclusionFilters": ["x"]}}
    ask = rekognition.detect_labels
    assert refused(lambda: ask(Image={"Bytes": png()}, Settings=settings)) == "NotImplemented"
    assert refused(lambda: ask(Image={"Bytes": png()}, MinConfidence=101)) == "ValidationException"


# -- Comprehend -----------------------------------------------------------------------------------
def test_comprehend_finds_entities_where_they_stand(cloud: LocalCloud) -> None:
    text = "Dr. Ada Lovelace came to London."
    found = cloud.client("comprehend").detect_entities(Text=text, LanguageCode="en")["Entities"]
    assert [(one["Type"], text[one["BeginOffset"] : one["EndOffset"]]) for one in found] == [
        ("PERSON", "Ada Lovelace"),
        ("LOCATION", "London"),
    ]


def test_comprehend_scores_every_kind_of_toxic_text(cloud: LocalCloud) -> None:
    segments = [{"Text": "A calm day."}, {"Text": "They kill."}]
    calm, toxic = cloud.client("comprehend").detect_toxic_content(TextSegments=segments, LanguageCode="en")[
        "ResultList"
    ]
    assert calm["Toxicity"] == 0.0
    assert {one["Name"]: one["Score"] for one in toxic["Labels"]}["VIOLENCE_OR_THREAT"] == 0.7


def test_comprehend_has_limits(cloud: LocalCloud) -> None:
    comprehend = cloud.client("comprehend")

    def toxic(*texts: str, language: str = "en") -> str:
        segments = [{"Text": text} for text in texts]
        return refused(lambda: comprehend.detect_toxic_content(TextSegments=segments, LanguageCode=language))

    assert toxic(*["a"] * 11) == "InvalidRequestException"
    assert toxic("ä" * 501) == "TextSizeLimitExceededException"
    assert toxic("a", language="de") == "UnsupportedLanguageException"
    long = "a" * 100_001
    assert refused(lambda: comprehend.detect_entities(Text=long, LanguageCode="en")) == (
        "TextSizeLimitExceededException"
    )


# -- Transcribe -----------------------------------------------------------------------------------
def transcribe(cloud: LocalCloud, bucket: str, key: str, body: bytes, **more: Any) -> dict[str, Any]:
    put(cloud, bucket, key, body)
    asked = {
        "TranscriptionJobName": f"job{next(_numbers)}",
        "LanguageCode": "en-US",
        "MediaFormat": key.rpartition(".")[2],
        "Media": {"MediaFileUri": f"s3://{bucket}/{key}"},
        "OutputBucketName": bucket,
        "OutputKey": "said.json",
        **more,
    }
    return cloud.client("transcribe").start_transcription_job(**asked)["TranscriptionJob"]


@pytest.mark.parametrize(("key", "body"), [("a b #.wav", wav("Good day.")), ("f.mp4", mp4("Good day."))])
def test_transcribe_writes_what_is_said_and_tells_the_bus(
    cloud: LocalCloud, bucket: str, key: str, body: bytes
) -> None:
    url, queue = cloud.queue(BY_EVENTS)
    rule, events = f"rule{next(_numbers)}", cloud.client("events")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.transcribe"]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": queue}])
    job = transcribe(cloud, bucket, key, body)
    assert job["TranscriptionJobStatus"] == "IN_PROGRESS"
    (message,) = eventually(lambda: cloud.received(url))
    events.remove_targets(Rule=rule, Ids=["q"])
    detail = json.loads(message["Body"])["detail"]
    assert detail == {
        "TranscriptionJobName": job["TranscriptionJobName"],
        "TranscriptionJobStatus": "COMPLETED",
    }
    written = json.loads(cloud.client("s3").get_object(Bucket=bucket, Key="said.json")["Body"].read())
    assert written["results"]["transcripts"] == [{"transcript": "Good day."}]


def test_transcribe_says_why_a_job_failed_and_refuses_what_cannot_be(cloud: LocalCloud, bucket: str) -> None:
    job = transcribe(cloud, bucket, "noise.wav", b"no recording at all")["TranscriptionJobName"]
    client = cloud.client("transcribe")

    def failed() -> Any:
        found = client.get_transcription_job(TranscriptionJobName=job)["TranscriptionJob"]
        return found if found["TranscriptionJobStatus"] == "FAILED" else None

    assert "isn't valid" in eventually(failed)["FailureReason"]
    again = {"TranscriptionJobName": job}
    assert refused(lambda: transcribe(cloud, bucket, "a.wav", wav("x"), **again)) == "ConflictException"
    gone = {"Media": {"MediaFileUri": f"s3://{bucket}/gone.wav"}}
    assert refused(lambda: transcribe(cloud, bucket, "a.wav", wav("x"), **gone)) == "BadRequestException"
    assert refused(lambda: client.get_transcription_job(TranscriptionJobName="none")) == "NotFoundException"
    more = {"IdentifyLanguage": True}
    assert refused(lambda: transcribe(cloud, bucket, "a.wav", wav("x"), **more)) == "NotImplemented"


# -- what no client of AWS would send -------------------------------------------------------------
def raw(cloud: LocalCloud, service: str, target: str, body: Any) -> tuple[int, str]:
    """Status and error code of a signed call that botocore has not looked at."""
    url = f"{cloud.url}/"
    request = AWSRequest("POST", url, data=json.dumps(body), headers={"X-Amz-Target": target})
    request.headers["Content-Type"] = "application/x-amz-json-1.1"
    SigV4Auth(Credentials("test", "test"), service, REGION).add_auth(request)
    sent = urllib.request.Request(url, request.body, dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(sent) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, str(json.loads(error.read())["__type"]).rpartition("#")[2]


TOXIC, ENTITIES = "Comprehend_20171127.DetectToxicContent", "Comprehend_20171127.DetectEntities"
GET, START = "Textract.GetDocumentTextDetection", "Transcribe.StartTranscriptionJob"
MALFORMED: list[tuple[str, str, Any, str]] = [
    ("comprehend", TOXIC, {"TextSegments": [None], "LanguageCode": "en"}, "ValidationException"),
    ("comprehend", ENTITIES, {"Text": 5, "LanguageCode": "en"}, "SerializationException"),
    ("textract", "Textract.DetectDocumentText", {}, "InvalidParameterException"),
    ("textract", GET, {"JobId": "0" * 64, "NextToken": "²"}, "InvalidJobIdException"),
    ("rekognition", "RekognitionService.DetectLabels", {"Image": None}, "ValidationException"),
    ("transcribe", START, {"TranscriptionJobName": "a b"}, "BadRequestException"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "target", "body", "code"), MALFORMED)
def test_parameters_that_are_not_what_the_model_says_are_the_callers_error(
    cloud: LocalCloud, service: str, target: str, body: Any, code: str
) -> None:
    assert raw(cloud, service, target, body) == (400, code)


def test_what_is_not_offered_is_refused_by_its_name_even_if_it_is_empty(
    cloud: LocalCloud, bucket: str
) -> None:
    where = put(cloud, bucket, "a.pdf", pdf("A"))
    start = cloud.client("textract").start_document_text_detection
    with pytest.raises(ClientError, match="OutputConfig is not offered locally"):
        start(DocumentLocation=where, OutputConfig={"S3Bucket": bucket})


def test_blocks_keep_their_ids_from_part_to_part(cloud: LocalCloud, bucket: str) -> None:
    textract = cloud.client("textract")
    where = put(cloud, bucket, "two.pdf", pdf("One bridge", "Two towers"))
    job = textract.start_document_text_detection(DocumentLocation=where)["JobId"]
    eventually(lambda: _ended(textract.get_document_text_detection(JobId=job)))
    whole = textract.get_document_text_detection(JobId=job)["Blocks"]
    first = textract.get_document_text_detection(JobId=job, MaxResults=1)
    assert first["Blocks"] == whole[:1]
    children = {child for one in whole for link in one.get("Relationships", ()) for child in link["Ids"]}
    assert children <= {one["Id"] for one in whole}


def test_what_is_said_is_there_as_soon_as_the_job_is_completed(cloud: LocalCloud, bucket: str) -> None:
    job = transcribe(cloud, bucket, "a.wav", wav("Good day."), OutputKey="jobs/said.json")
    client, name = cloud.client("transcribe"), job["TranscriptionJobName"]

    def completed() -> bool:
        found = client.get_transcription_job(TranscriptionJobName=name)["TranscriptionJob"]
        return found["TranscriptionJobStatus"] == "COMPLETED"

    eventually(completed)
    assert cloud.client("s3").get_object(Bucket=bucket, Key="jobs/said.json")["Body"].read()
