"""The calls that the pipeline makes for a document, in a plain loop. Arguments: folder, documents."""

import json
import os
import sys
import time

folder, documents = sys.argv[1], int(sys.argv[2])
sys.path[:0] = [folder]

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
dynamodb, bedrock, events = (boto3.client(name) for name in ("dynamodb", "bedrock-runtime", "events"))
PROMPT = "Summarize the text in at most 120 words. Answer with JSON only."


def absent(key: str) -> bool:
    """Whether there is no result yet."""
    try:
        s3.head_object(Bucket="results", Key=f"results/{key}.json")
    except ClientError:
        return True
    return False


def process(key: str) -> None:
    """One document: claim it, read it, ask, store, tell, record."""
    item = {"pk": {"S": f"uploads/{key}"}, "value": {"S": json.dumps({"state": "busy"})}}
    dynamodb.get_item(TableName="records", Key={"pk": item["pk"]}, ConsistentRead=True)
    dynamodb.put_item(TableName="records", Item=item, ConditionExpression="attribute_not_exists(pk)")
    absent(key)
    text = s3.get_object(Bucket="uploads", Key=key)["Body"].read().decode()
    question = json.dumps({"items": [{"id": "1", "text": text}]})
    answer = bedrock.converse(
        modelId=os.environ["MODEL"],
        messages=[{"role": "user", "content": [{"text": question}]}],
        system=[{"text": PROMPT}],
        inferenceConfig={"maxTokens": 1024},
    )
    found = json.loads(answer["output"]["message"]["content"][0]["text"])["results"][0]
    body = json.dumps({"status": "done", "output": found, "finished_at": time.time()}).encode()
    absent(key)
    s3.put_object(Bucket="results", Key=f"results/{key}.json", Body=body, ContentType="application/json")
    detail = json.dumps({"item": key, "status": "done"})
    events.put_events(Entries=[{"Source": "bench", "DetailType": "Item Done", "Detail": detail}])
    dynamodb.put_item(TableName="records", Item=item, ConditionExpression="attribute_exists(pk)")


for number in range(documents):
    process(f"docs/{number}.txt")
sys.stdout.write("done\n")
sys.stdout.flush()
