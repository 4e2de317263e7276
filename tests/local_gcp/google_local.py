"""What tests do with the Google half: make resources as the Pulumi door makes them, and call over HTTP."""

from __future__ import annotations

import base64
import http.client
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import PROJECT, REGION
from serverless_ai_local.models.service import ModelService

HERE = f"projects/{PROJECT}"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Local:
    """`url` is the cloud's; `models` the model behind Vertex."""

    url: str
    models: ModelService

    def send(
        self, method: str, path: str, body: bytes | Any = b"", token: str | None = "owner", **headers: str
    ) -> Answer:
        parts = urlsplit(path if "://" in path else self.url + path)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if token is not None:
            headers = {"authorization": f"Bearer {token}", **headers}
        try:
            connection.request(
                method, parts.path + (f"?{parts.query}" if parts.query else ""), content, headers
            )
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        is_json = response.headers.get_content_type() == "application/json"
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, json.loads(text) if is_json and text else text.decode(), found)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.send(method, f"/_local/{path}", b"" if body is None else body)
        assert answer.status == 200, answer
        return answer.body

    def make(self, token: str, content: bytes = b"", **inputs: Any) -> Mapping[str, Any]:
        """Its `id`, `uid` and `outputs`."""
        given = {"token": token, "inputs": inputs, "project": PROJECT, "region": REGION}
        return self.admin(
            "POST", "gcp/resources/create", given | {"content": base64.b64encode(content).decode()}
        )

    def remake(self, made: Mapping[str, Any], **inputs: Any) -> None:
        given = {"uid": made["uid"], "inputs": inputs, "project": PROJECT, "region": REGION}
        self.admin("POST", "gcp/resources/update", given)

    def drop(self, made: Mapping[str, Any]) -> None:
        self.admin("POST", "gcp/resources/delete", {"uid": made["uid"]})

    def refused(self, token: str, **inputs: Any) -> str:
        """Why it cannot be made."""
        given = {"token": token, "inputs": inputs, "project": PROJECT, "region": REGION}
        answer = self.send("POST", "/_local/gcp/resources/create", given)
        assert answer.status >= 400, answer
        return answer.body["message"]

    def account(self, name: str = "worker", *permissions: str, condition: str = "") -> str:
        """Mail address of a new account that may do this in the project."""
        email = self.make(types.ACCOUNT, accountId=name)["outputs"]["email"]
        if permissions:
            role = f"of_{name.replace('-', '_')}"
            made = self.make(types.CUSTOM_ROLE, roleId=role, title="x", permissions=list(permissions))
            given = {"role": made["id"], "member": f"serviceAccount:{email}"}
            if condition:
                given["condition"] = {"title": "here", "expression": condition}
            self.make(types.PROJECT_MEMBER, **given)
        return email

    def access_token(self, email: str) -> str:
        return self.admin("POST", "gcp/access-token", {"email": email})["token"]

    def id_token(self, email: str, audience: str, lifetime_s: int = 300) -> str:
        wish = {"email": email, "audience": audience, "lifetime_s": lifetime_s}
        return self.admin("POST", "gcp/id-token", wish)["token"]

    def checks(self, email: str) -> list[dict[str, Any]]:
        return self.admin("GET", f"checks/{quote(email)}")["checks"]

    def function(self, source: str, name: str = "fn", **service: Any) -> Mapping[str, Any]:
        """A deployed function with its bucket, object and accounts; the invoker is anybody at example.com."""
        self.make(types.BUCKET, name=f"{name}-source", location=REGION)
        self.make(
            types.OBJECT, zipped({"main.py": source}), bucket=f"{name}-source", name="code.zip", source={}
        )
        builder = self.make(types.ACCOUNT, accountId=f"{name}-build")["outputs"]
        for role in ("roles/storage.objectViewer", "roles/logging.logWriter"):
            self.make(types.PROJECT_MEMBER, role=role, member=builder["member"])
        email = self.make(types.ACCOUNT, accountId=f"{name}-self")["outputs"]["email"]
        made = self.make(types.FUNCTION, **function_inputs(name, email, builder["name"], **service))
        self.make(
            types.SERVICE_BINDING,
            name=name,
            location=REGION,
            role="roles/run.invoker",
            members=["domain:example.com"],
        )
        return {**made, "url": made["outputs"]["url"], "email": email}

    def ask(self, url: str, path: str = "/", body: bytes = b"", email: str = "ada@example.com") -> Answer:
        """POST as somebody with an ID token for the function."""
        return self.send("POST", url + path, body, self.id_token(email, url))


def function_inputs(name: str, email: str, builder: str, code: str = "code.zip", **service: Any) -> Any:
    source = {"storageSource": {"bucket": f"{name}-source", "object": code}}
    return {
        "name": name,
        "location": REGION,
        "buildConfig": {
            "runtime": "python313",
            "entryPoint": "go",
            "serviceAccount": builder,
            "source": source,
        },
        "serviceConfig": {"serviceAccountEmail": email, **service},
    }


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
