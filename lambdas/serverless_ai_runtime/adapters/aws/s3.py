"""Objects in S3 as an `ObjectStore`, over its REST protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus, urlencode

from serverless_ai_runtime.adapters.aws.errors import classify
from serverless_ai_runtime.adapters.aws.service import Aws
from serverless_ai_runtime.adapters.aws.sigv4 import sign
from serverless_ai_runtime.core.objects import (
    ANY,
    ObjectChanged,
    ObjectHead,
    ObjectMissing,
    ObjectRef,
    ObjectTooLarge,
)
from serverless_ai_runtime.core.ports import Deadline, ServiceError, VersionConflict
from serverless_ai_runtime.http import Request, Response

READ_ACTIONS: Final = ("s3:GetObject",)
WRITE_ACTIONS: Final = ("s3:GetObject", "s3:PutObject")
LIST_ACTIONS: Final = ("s3:ListBucket",)
"""Without it S3 answers 403 and not 404 for an object that is not there. `keys` needs it too."""

_EMPTY: Final = sha256(b"").hexdigest()
_META: Final = "x-amz-meta-"
_CHANGED: Final = (409, 412)
_KEY: Final = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)
_MORE: Final = b"<IsTruncated>true</IsTruncated>"
_FIELD: Final = re.compile(rb"<(Code|Message)>(.*?)</\1>", re.DOTALL)


class S3Endpoint(NamedTuple):
    """`host` without the bucket's name, e.g. `s3.eu-west-1.amazonaws.com`; `base` moves the service."""

    host: str
    base: str
    """URL of a service that takes the bucket in the path; "" = the public one, with it in the host."""

    def url(self, ref: ObjectRef) -> str:
        """Of an object, percent-encoded as S3 signs it."""
        path = quote(ref.key, safe="/-_.~")
        if self.base:
            return f"{self.base}/{ref.container}/{path}"
        if "." in ref.container:  # the certificate covers one label only
            return f"https://{self.host}/{ref.container}/{path}"
        return f"https://{ref.container}.{self.host}/{path}"


class S3Objects:
    """Objects of any bucket that the function may use."""

    def __init__(self, aws: Aws, endpoint: S3Endpoint) -> None:
        self._aws, self._endpoint = aws, endpoint

    def head(self, ref: ObjectRef, deadline: Deadline) -> ObjectHead | None:
        request = self._request("HeadObject", "HEAD", ref, {}, b"")
        try:
            headers = self._aws.http.send(request, _judge("HeadObject"), deadline).headers
        except ServiceError as error:
            if error.status == 404:
                return None
            raise
        return ObjectHead(
            headers.get("etag", ""),
            int(headers.get("content-length", "0")),
            headers.get("content-type", ""),
            {name[len(_META) :]: text for name, text in headers.items() if name.startswith(_META)},
        )

    def get(self, ref: ObjectRef, deadline: Deadline, *, version: str = "", max_bytes: int) -> bytes:
        headers = {"if-match": f'"{version}"'} if version else {}
        request = self._request("GetObject", "GET", ref, headers, b"")
        try:
            stream = self._aws.http.stream(request, _judge("GetObject"), deadline)
        except ServiceError as error:
            if error.status == 404:
                raise ObjectMissing(ref.key) from None
            if error.status == 412:
                raise ObjectChanged(ref.key) from None
            raise
        body = bytearray()
        for chunk in stream.chunks:
            body += chunk
            if len(body) > max_bytes:
                raise ObjectTooLarge(f"the object has more than the {max_bytes} bytes that are allowed")
        return bytes(body)

    def put(
        self,
        ref: ObjectRef,
        body: bytes,
        deadline: Deadline,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        expect: str | None,
    ) -> None:
        headers = {"content-type": content_type}
        headers |= {_META + name: text for name, text in metadata.items()}
        if expect is None:
            headers["if-none-match"] = "*"
        elif expect != ANY:
            headers["if-match"] = expect
        request = self._request("PutObject", "PUT", ref, headers, body)
        try:
            self._aws.http.send(request, _judge("PutObject"), deadline)
        except ServiceError as error:
            # With If-Match, an object that was deleted meanwhile is a 404.
            if error.status in _CHANGED or (error.status == 404 and "if-match" in headers):
                raise VersionConflict(ref.key) from None
            raise

    def keys(self, container: str, after: str, most: int, deadline: Deadline) -> tuple[list[str], str]:
        """Keys come in the order of their UTF-8 bytes."""
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(most)}
        if after:
            query["start-after"] = after
        ref = ObjectRef(container, "")
        request = self._request(
            "ListObjectsV2", "GET", ref, {}, b"", query="?" + urlencode(query, quote_via=quote)
        )
        body = self._aws.http.send(request, _judge("ListObjectsV2"), deadline).body
        found = [unquote_plus(key.decode()) for key in _KEY.findall(body)]
        return found, found[-1] if found and _MORE in body else ""

    def _request(
        self,
        operation: str,
        method: str,
        ref: ObjectRef,
        headers: Mapping[str, str],
        body: bytes,
        *,
        query: str = "",
    ) -> Request:
        url = self._endpoint.url(ref) + query
        digest = sha256(body).hexdigest() if body else _EMPTY

        def signed() -> dict[str, str]:
            return sign(
                method,
                url,
                {**headers, "x-amz-content-sha256": digest},
                body,
                service="s3",
                credentials=self._aws.credentials(),
                now=self._aws.world.now(),
                encode_path=False,
            )

        return Request("S3", operation, method, url, body, signed)


def _judge(operation: str) -> Callable[[Response], ServiceError | None]:
    def judge(response: Response) -> ServiceError | None:
        if response.status < 300:
            return None
        fields = dict(_FIELD.findall(response.body))
        code = fields.get(b"Code", str(response.status).encode()).decode("ascii", "replace")
        message = fields.get(b"Message", b"").decode("utf-8", "replace")
        return classify("S3", operation, response.status, code, message)

    return judge
