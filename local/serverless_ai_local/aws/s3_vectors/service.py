"""The operations of S3 Vectors over the store; requests are held against botocore's model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from werkzeug.wrappers import Response

from serverless_ai_local.aws.ai.constraints import taken, validation_error
from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.calls import reply
from serverless_ai_local.aws.s3_vectors.filters import parse
from serverless_ai_local.aws.s3_vectors.store import COSINE, Bucket, Index, Store, Vector
from serverless_ai_local.plain import is_list, is_mapping, is_number

SERVICE: Final = "s3vectors"
MOST_HITS: Final = 100
MOST_FILTERABLE: Final = 2048
MOST_METADATA: Final = 40 * 1024
MOST_KEYS: Final = 50
"""Bytes of metadata that can be filtered by, of all of it, and its keys: Limitations and restrictions of S3
Vectors, read 2026-11-27."""
_REFUSAL: Final = validation_error("ValidationException")
_INDEX: Final = ("vectorBucketName", "indexName", "indexArn")
_BUCKET: Final = ("vectorBucketName", "vectorBucketArn")
_PLAIN: Final[Mapping[str, Any]] = {"sseType": "AES256"}


class S3Vectors:
    """Without resource policies and without the ENHANCED mode of indexes, which are refused."""

    def __init__(self) -> None:
        self._store = Store()

    def operations(self) -> Operations:
        """See `api.Operations`."""
        named = {
            "CreateVectorBucket": self._create_bucket,
            "GetVectorBucket": self._get_bucket,
            "DeleteVectorBucket": self._delete_bucket,
            "ListVectorBuckets": self._list_buckets,
            "CreateIndex": self._create_index,
            "GetIndex": self._get_index,
            "DeleteIndex": self._delete_index,
            "ListIndexes": self._list_indexes,
            "PutVectors": self._put,
            "GetVectors": self._get,
            "ListVectors": self._list,
            "DeleteVectors": self._delete,
            "QueryVectors": self._query,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }
        refused = ("PutVectorBucketPolicy", "PutVectorBucketDefaultIndexMode", "UpdateIndexMode")
        return {(SERVICE, name): handler for name, handler in named.items()} | {
            (SERVICE, name): _refuse for name in refused
        }

    # -- buckets ----------------------------------------------------------------------------------
    def _create_bucket(self, call: Call) -> Response:
        given = _taken(call, "vectorBucketName", "encryptionConfiguration", "tags")
        bucket = Bucket(
            name=given["vectorBucketName"],
            arn=_bucket_arn(call, given),
            encryption=given.get("encryptionConfiguration") or _PLAIN,
        )
        self._store.add_bucket(bucket)
        self._store.tags(bucket.arn).update(given.get("tags") or {})
        return reply({"vectorBucketArn": bucket.arn})

    def _get_bucket(self, call: Call) -> Response:
        bucket = self._store.bucket(_bucket_arn(call, _taken(call, *_BUCKET)))
        about = _bucket(bucket) | {"encryptionConfiguration": dict(bucket.encryption)}
        return reply({"vectorBucket": about})

    def _delete_bucket(self, call: Call) -> Response:
        self._store.remove_bucket(_bucket_arn(call, _taken(call, *_BUCKET)))
        return reply({})

    def _list_buckets(self, call: Call) -> Response:
        given = _taken(call, "prefix", "maxResults")
        start = f"arn:aws:{SERVICE}:{call.region}:{call.account}:bucket/{given.get('prefix', '')}"
        return reply({"vectorBuckets": [_bucket(one) for one in self._store.buckets(start)]})

    # -- indexes ----------------------------------------------------------------------------------
    def _create_index(self, call: Call) -> Response:
        given = _taken(
            call,
            *_BUCKET,
            "indexName",
            "dataType",
            "dimension",
            "distanceMetric",
            "metadataConfiguration",
            "encryptionConfiguration",
            "tags",
        )
        bucket = self._store.bucket(_bucket_arn(call, given))
        metadata: Mapping[str, Any] = given.get("metadataConfiguration") or {}
        if set(metadata) - {"nonFilterableMetadataKeys"}:
            raise ApiError("NotImplemented", "the local S3 Vectors has no text search", 501)
        index = Index(
            bucket=bucket.name,
            name=given["indexName"],
            arn=f"{bucket.arn}/index/{given['indexName']}",
            dimension=given["dimension"],
            metric=given["distanceMetric"],
            not_filterable=tuple(metadata.get("nonFilterableMetadataKeys") or ()),
            encryption=given.get("encryptionConfiguration") or bucket.encryption,
        )
        self._store.add_index(bucket, index)
        self._store.tags(index.arn).update(given.get("tags") or {})
        return reply({"indexArn": index.arn})

    def _get_index(self, call: Call) -> Response:
        index = self._index(call, _taken(call, *_INDEX))
        about = _index(index) | {
            "dataType": "float32",
            "dimension": index.dimension,
            "distanceMetric": index.metric,
            "encryptionConfiguration": dict(index.encryption),
        }
        if index.not_filterable:
            about["metadataConfiguration"] = {"nonFilterableMetadataKeys": list(index.not_filterable)}
        return reply({"index": about})

    def _delete_index(self, call: Call) -> Response:
        self._store.remove_index(_index_arn(call, _taken(call, *_INDEX)))
        return reply({})

    def _list_indexes(self, call: Call) -> Response:
        given = _taken(call, *_BUCKET, "prefix", "maxResults")
        bucket = self._store.bucket(_bucket_arn(call, given))
        found = [
            one for name, one in sorted(bucket.indexes.items()) if name.startswith(given.get("prefix", ""))
        ]
        return reply({"indexes": [_index(one) for one in found]})

    # -- vectors ----------------------------------------------------------------------------------
    def _put(self, call: Call) -> Response:
        given = _taken(call, *_INDEX, "vectors")
        index = self._index(call, given)
        index.put([_vector(index, one) for one in given["vectors"]])
        return reply({})

    def _get(self, call: Call) -> Response:
        given = _taken(call, *_INDEX, "keys", "returnData", "returnMetadata")
        index = self._index(call, given)
        found = [index.vectors[key] for key in given["keys"] if key in index.vectors]
        return reply({"vectors": [_shown(one, given) for one in found]})

    def _list(self, call: Call) -> Response:
        """In the order of keys; the token is the last key."""
        given = _taken(call, *_INDEX, "maxResults", "nextToken", "returnData", "returnMetadata")
        after: str = given.get("nextToken", "")
        most: int = given.get("maxResults", 500)
        every = sorted(self._index(call, given).all(), key=_key)
        left = [one for one in every if one.key > after]
        body: dict[str, Any] = {"vectors": [_shown(one, given) for one in left[:most]]}
        if len(left) > most:
            body["nextToken"] = left[most - 1].key
        return reply(body)

    def _delete(self, call: Call) -> Response:
        given = _taken(call, *_INDEX, "keys")
        self._index(call, given).delete(given["keys"])
        return reply({})

    def _query(self, call: Call) -> Response:
        given = _taken(call, *_INDEX, "topK", "queryVector", "filter", "returnMetadata", "returnDistance")
        index = self._index(call, given)
        if given["topK"] > MOST_HITS:
            raise ApiError("ValidationException", f"topK must be at most {MOST_HITS}")
        query = _numbers(index, given.get("queryVector"))
        wanted = parse(given["filter"], index.not_filterable) if "filter" in given else _anything
        hits: list[dict[str, Any]] = []
        for distance, one in index.nearest(query, given["topK"], wanted):
            hit: dict[str, Any] = {"key": one.key}
            if given.get("returnDistance"):
                hit["distance"] = distance
            if given.get("returnMetadata"):
                hit["metadata"] = dict(one.metadata)
            hits.append(hit)
        return reply({"vectors": hits, "distanceMetric": index.metric})

    # -- tags -------------------------------------------------------------------------------------
    def _tag(self, call: Call) -> Response:
        given = _taken(call, "resourceArn", "tags")
        self._store.tags(given["resourceArn"]).update(given["tags"])
        return reply({})

    def _untag(self, call: Call) -> Response:
        given = _taken(call, "resourceArn", "tagKeys")
        tags = self._store.tags(given["resourceArn"])
        for key in given["tagKeys"]:
            tags.pop(key, None)
        return reply({})

    def _tags(self, call: Call) -> Response:
        return reply({"tags": self._store.tags(_taken(call, "resourceArn")["resourceArn"])})

    def _index(self, call: Call, given: Mapping[str, Any]) -> Index:
        return self._store.index(_index_arn(call, given))


def _taken(call: Call, *names: str) -> dict[str, Any]:
    return taken(call, *names, refusal=_REFUSAL)


def _bucket_arn(call: Call, given: Mapping[str, Any]) -> str:
    arn, name = given.get("vectorBucketArn"), given.get("vectorBucketName")
    if (arn is None) is (name is None):
        raise ApiError("ValidationException", "Must specify either vectorBucketName or vectorBucketArn")
    return arn or f"arn:aws:{SERVICE}:{call.region}:{call.account}:bucket/{name}"


def _index_arn(call: Call, given: Mapping[str, Any]) -> str:
    arn, bucket, name = (given.get(one) for one in ("indexArn", "vectorBucketName", "indexName"))
    if (arn is None) is (bucket is None) or (bucket is None) is not (name is None):
        raise ApiError(
            "ValidationException", "Must specify either indexArn or both vectorBucketName and indexName"
        )
    return arn or f"arn:aws:{SERVICE}:{call.region}:{call.account}:bucket/{bucket}/index/{name}"


def _bucket(bucket: Bucket) -> dict[str, Any]:
    return {
        "vectorBucketName": bucket.name,
        "vectorBucketArn": bucket.arn,
        "creationTime": int(bucket.made_at),
    }


def _index(index: Index) -> dict[str, Any]:
    return {
        "vectorBucketName": index.bucket,
        "indexName": index.name,
        "indexArn": index.arn,
        "creationTime": int(index.made_at),
    }


def _vector(index: Index, given: Mapping[str, Any]) -> Vector:
    data = _numbers(index, given["data"])
    metadata: Mapping[str, Any] = given.get("metadata") or {}
    _check_metadata(index, metadata)
    return Vector(key=given["key"], data=data, length=math.hypot(*data), metadata=metadata)


def _numbers(index: Index, data: Any) -> tuple[float, ...]:
    values = data.get("float32") if is_mapping(data) else None
    if not is_list(values) or not all(map(is_number, values)):
        raise ApiError("ValidationException", "Invalid vector data: float32 must be a list of numbers")
    if len(values) != index.dimension:
        raise ApiError(
            "ValidationException",
            f"Invalid vector dimension: expected {index.dimension}, got {len(values)}",
        )
    numbers = tuple(map(float, values))
    if not all(map(math.isfinite, numbers)):
        raise ApiError("ValidationException", "Invalid vector data: NaN and infinity are not allowed")
    if index.metric == COSINE and not any(numbers):
        raise ApiError("ValidationException", "Invalid vector data: a zero vector has no cosine")
    return numbers


def _check_metadata(index: Index, metadata: Mapping[str, Any]) -> None:
    if len(metadata) > MOST_KEYS:
        raise ApiError("ValidationException", f"Invalid metadata: at most {MOST_KEYS} keys are allowed")
    filterable = {key: value for key, value in metadata.items() if key not in index.not_filterable}
    for part, most, what in (
        (filterable, MOST_FILTERABLE, "Filterable metadata"),
        (metadata, MOST_METADATA, "Metadata"),
    ):
        if _size(part) > most:
            raise ApiError("ValidationException", f"{what} must have at most {most} bytes")
    for key, value in filterable.items():
        listed = value if is_list(value) else [value]
        if not all(isinstance(one, str | bool) or is_number(one) for one in listed):
            raise ApiError("ValidationException", f"Invalid metadata {key}: text, number, boolean or a list")


def _size(metadata: Mapping[str, Any]) -> int:
    """Of keys and values; how the service counts is not said: texts by their bytes, the rest as JSON."""
    texts = (value if isinstance(value, str) else json.dumps(value) for value in metadata.values())
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in (*metadata, *texts))


def _shown(vector: Vector, given: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"key": vector.key}
    if given.get("returnData"):
        shown["data"] = {"float32": list(vector.data)}
    if given.get("returnMetadata"):
        shown["metadata"] = dict(vector.metadata)
    return shown


def _key(vector: Vector) -> str:
    return vector.key


def _anything(metadata: Mapping[str, Any]) -> bool:
    return True


def _refuse(call: Call) -> Response:
    raise ApiError("NotImplemented", f"the local cloud does not offer {SERVICE}:{call.operation}", 501)
