"""Deliberate violations of the rules for AWS: changes to what the component registers."""

from __future__ import annotations

import json

from pulumi.runtime.rpc import UNKNOWN

ACCOUNT = "arn:aws:iam::111122223333:root"


def policy(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


VIOLATIONS = {
    "aws-function-tracing": lambda g: g.set("Function", "tracingConfig.mode", "PassThrough"),
    "aws-function-log-group": lambda g: g.unset("Function", "loggingConfig.logGroup"),
    "aws-function-size": lambda g: g.unset("Function", "timeout"),
    "aws-function-runtime": lambda g: g.set("Function", "runtime", "python3.9"),
    "aws-function-url-authorised": lambda g: g.add(
        "aws:lambda/functionUrl:FunctionUrl", functionName="f", authorizationType="NONE"
    ),
    "aws-route-authorised": lambda g: g.set("Route", "authorizationType", "NONE"),
    "aws-authorizer-audience": lambda g: g.set("Authorizer", "jwtConfiguration.audiences", []),
    "aws-api-throttle": lambda g: g.unset("Stage", "defaultRouteSettings"),
    "aws-api-access-log": lambda g: g.unset("Stage", "accessLogSettings"),
    "aws-log-retention": lambda g: g.set("LogGroup", "retentionInDays", 0),
    "aws-table-expiry": lambda g: g.set("Table", "ttl.enabled", False),
    "aws-table-recovery": lambda g: g.unset("Table", "pointInTimeRecovery"),
    "aws-guardrail-attacks": lambda g: g.set(
        "Guardrail",
        "contentPolicyConfig.filtersConfigs",
        [{"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH"}],
    ),
    "aws-role-no-star-action": lambda g: g.set(
        "RolePolicy",
        "policy",
        policy(Sid="UseTable", Action="dynamodb:*", Resource="arn:aws:dynamodb:eu-west-1:1:table/t"),
    ),
    "aws-role-no-star-resource": lambda g: g.set(
        "RolePolicy", "policy", policy(Sid="UseTable", Action=["dynamodb:GetItem"], Resource=["*"])
    ),
    "aws-role-no-managed-policy": lambda g: g.set(
        "Role", "managedPolicyArns", ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
    ),
    "aws-role-trust": lambda g: g.set(
        "Role", "assumeRolePolicy", policy(Principal={"AWS": "*"}, Action="sts:AssumeRole")
    ),
    "aws-resource-callers": lambda g: g.add(
        "aws:sns/topicPolicy:TopicPolicy",
        arn="arn:aws:sns:eu-west-1:1:t",
        policy=policy(Principal={"Service": "events.amazonaws.com"}, Action="sns:Publish", Resource="t"),
    ),
    "aws-function-callers": lambda g: g.unset("Permission", "sourceArn"),
    "aws-no-access-key": lambda g: g.add("aws:iam/accessKey:AccessKey", user="ci"),
    "aws-queue-encrypted": lambda g: g.unset("Queue", "kmsMasterKeyId"),
    "aws-queue-tls": lambda g: g.drop("QueuePolicy", "results-policy"),
    "aws-queue-dead-letters": lambda g: g.unset("Queue", "redrivePolicy", "results"),
    "aws-function-dead-letters": lambda g: g.drop("FunctionEventInvokeConfig"),
    "aws-target-dead-letters": lambda g: g.unset("EventTarget", "deadLetterConfig"),
    "aws-schedule-dead-letters": lambda g: g.unset("Schedule", "target.deadLetterConfig"),
    "aws-function-concurrency": lambda g: g.set("Function", "reservedConcurrentExecutions", -1),
    "aws-bucket-private": lambda g: g.set("BucketPublicAccessBlock", "blockPublicPolicy", False),
    "aws-bucket-tls": lambda g: g.drop("BucketPolicy", "papers-uploads-policy"),
    "aws-bucket-abandoned": lambda g: g.drop("BucketLifecycleConfiguration", "papers-results-lifecycle"),
    "aws-bucket-kept": lambda g: g.set("Bucket", "forceDestroy", True),
    "aws-topic-tls": lambda g: g.drop("TopicPolicy", "papers-topic-policy"),
    "aws-subscription-dead-letters": lambda g: g.unset("TopicSubscription", "redrivePolicy"),
    "aws-source-failures": lambda g: g.unset("EventSourceMapping", "functionResponseTypes"),
    "aws-source-bound": lambda g: g.unset("EventSourceMapping", "scalingConfig"),
    "aws-queue-visibility": lambda g: g.set("Queue", "visibilityTimeoutSeconds", 719, "papers-queue"),
}

MORE = {
    "a default of the provider is no choice": (
        lambda g: g.set("Function", "__defaults", ["memorySize"]),
        "aws-function-size",
        r"memorySize is left to the provider's default",
    ),
    "a JWT route without its authorizer": (
        lambda g: g.unset("Route", "authorizerId"),
        "aws-route-authorised",
        r"authorizerId is not set",
    ),
    "all but some actions": (
        lambda g: g.set("RolePolicy", "policy", policy(NotAction="iam:*", Resource="arn:aws:s3:::b")),
        "aws-role-no-star-action",
        r"without a Sid allows everything but its NotAction",
    ),
    "a star inside of an action": (
        lambda g: g.set("RolePolicy", "policy", policy(Action="s3:Get*", Resource="arn:aws:s3:::b")),
        "aws-role-no-star-action",
        r"Action s3:Get\*",
    ),
    "a policy as an object": (
        lambda g: g.set("RolePolicy", "policy", json.loads(policy(Action="s3:GetObject", Resource="*"))),
        "aws-role-no-star-resource",
        r"Resource \*",
    ),
    "a policy within its role": (
        lambda g: g.set(
            "Role", "inlinePolicies", [{"name": "p", "policy": policy(Action="*", Resource="arn:x")}]
        ),
        "aws-role-no-star-action",
        r"Action \*",
    ),
    "a policy that is no JSON": (
        lambda g: g.set("RolePolicy", "policy", "{oops"),
        "aws-role-no-star-action",
        r"policy is not JSON",
    ),
    "a managed policy attached from outside": (
        lambda g: g.add(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            role="r",
            policyArn="arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        "aws-role-no-managed-policy",
        r"AdministratorAccess",
    ),
    "a queue for anyone": (
        lambda g: g.add(
            "aws:sqs/queuePolicy:QueuePolicy",
            queueUrl="https://q",
            policy=policy(Principal="*", Action="sqs:SendMessage", Resource="q"),
        ),
        "aws-resource-callers",
        r"lets in anyone without a condition",
    ),
    "a function for anyone": (
        lambda g: g.set("Permission", "principal", "*"),
        "aws-function-callers",
        r"anyone may call the function",
    ),
    "a queue policy that refuses nothing": (
        lambda g: g.set(
            "QueuePolicy",
            "policy",
            policy(Sid="Own", Principal={"AWS": ACCOUNT}, Action="sqs:SendMessage", Resource="q"),
            "results-policy",
        ),
        "aws-queue-tls",
        r"it takes messages over plain HTTP",
    ),
    "dead letters that a preview leaves open": (
        lambda g: g.unset("Queue", "redrivePolicy", "results").set(
            "Queue", "redrivePolicy", UNKNOWN, "results"
        ),
        "aws-queue-dead-letters",
        r"dropped when it is old",
    ),
    "a queue policy that a preview leaves open": (
        lambda g: g.drop("QueuePolicy", "results-policy").set("Queue", "policy", UNKNOWN, "results"),
        "aws-queue-tls",
        r"plain HTTP",
    ),
    "a bucket without a block of public access": (
        lambda g: g.drop("BucketPublicAccessBlock"),
        "aws-bucket-private",
        r"opens it to everybody",
    ),
    "a bucket policy that allows and refuses nothing": (
        lambda g: g.set(
            "BucketPolicy", "policy", policy(Principal={"AWS": ACCOUNT}, Action="s3:GetObject", Resource="b")
        ),
        "aws-bucket-tls",
        r"over plain HTTP",
    ),
    "a tidying rule that is off": (
        lambda g: g.set(
            "BucketLifecycleConfiguration",
            "rules",
            [
                {
                    "id": "tidy",
                    "status": "Disabled",
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                }
            ],
        ),
        "aws-bucket-abandoned",
        r"never completed",
    ),
    "a batching window that the visibility timeout forgot": (
        lambda g: g.set("EventSourceMapping", "maximumBatchingWindowInSeconds", 1),
        "aws-queue-visibility",
        r"hidden for 720 s while papers-function may need 721 s",
    ),
    "a queue's own visibility timeout": (
        lambda g: g.unset("Queue", "visibilityTimeoutSeconds", "papers-queue"),
        "aws-queue-visibility",
        r"hidden for 30 s",
    ),
    "a function that reads a queue and is called by events as well": (
        lambda g: g.point("Permission", "function", g.find("Function", "papers-function")),
        "aws-function-dead-letters",
        r"an event that fails each time is dropped",
    ),
    "a filter of attacks that is off": (
        lambda g: g.set(
            "Guardrail",
            "contentPolicyConfig.filtersConfigs",
            [{"type": "PROMPT_ATTACK", "inputStrength": "NONE", "outputStrength": "NONE"}],
        ),
        "aws-guardrail-attacks",
        r"nothing looks for prompt attacks",
    ),
}

ALLOWED = {
    "another account may take the role": lambda g: g.set(
        "Role", "assumeRolePolicy", policy(Principal={"AWS": ACCOUNT}, Action="sts:AssumeRole")
    ),
    "a statement that denies everything": lambda g: g.set(
        "RolePolicy",
        "policy",
        json.dumps({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}),
    ),
    "a policy that the account made itself": lambda g: g.set(
        "Role", "managedPolicyArns", ["arn:aws:iam::111122223333:policy/ours"]
    ),
    "a service that is held to an account": lambda g: g.set(
        "Permission", "sourceAccount", "111122223333"
    ).unset("Permission", "sourceArn"),
    "a queue with AWS's own key": lambda g: g.unset("Queue", "kmsMasterKeyId").set(
        "Queue", "sqsManagedSseEnabled", True
    ),
    "dead letters of the function itself": lambda g: g.drop("FunctionEventInvokeConfig").set(
        "Function", "deadLetterConfig.targetArn", "arn:aws:sqs:eu-west-1:1:q"
    ),
}
