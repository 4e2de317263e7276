"""Who may call a route: nobody is asked, IAM decides, or a token does; exactly what was deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serverless_ai_local.aws.api import ApiError, Identity
from serverless_ai_local.aws.iam.authoriser import Authoriser
from serverless_ai_local.aws.identities import Identities
from serverless_ai_local.aws.signatures import Sent, SignatureError
from serverless_ai_local.gateway.deployed import Api, JwtAuthorizer, Route, Stage
from serverless_ai_local.gateway.event import Incoming
from serverless_ai_local.gateway.jwt_authorizer import JwtVerifier, TokenError, claim_text, granted_scopes
from serverless_ai_local.gateway.refusal import Refusal, forbidden, internal, not_offered


class Authorisation:
    """Lets a request through, or refuses it as API Gateway does."""

    def __init__(self, identities: Identities, authoriser: Authoriser, tokens: JwtVerifier) -> None:
        self._identities, self._authoriser, self._tokens = identities, authoriser, tokens

    def authorise(
        self, api: Api, stage: Stage, route: Route, incoming: Incoming, sent: Sent
    ) -> dict[str, Any] | None:
        """`requestContext.authorizer` of the event; None for an open route. Raises `Refusal`."""
        if route.authorization == "NONE":
            return None
        if route.authorization == "AWS_IAM":
            return {"iam": self._iam(api, stage, incoming, sent)}
        if route.authorization == "JWT" and route.authorizer is not None:
            return {"jwt": self._jwt(route.authorizer, route, incoming)}
        raise not_offered(f"routes with authorisation {route.authorization}")

    def _iam(self, api: Api, stage: Stage, incoming: Incoming, sent: Sent) -> dict[str, Any]:
        try:
            identity, signature = self._identities.authenticate(sent)
        except SignatureError as error:
            raise forbidden(str(error)) from error
        if (signature.service, signature.region) != ("execute-api", api.region):
            raise forbidden(
                f"signed for {signature.service} in {signature.region}, not for execute-api in {api.region}"
            )
        resource = f"{api.id}/{stage.name}/{incoming.method}/{incoming.path.lstrip('/')}"
        arn = f"arn:aws:execute-api:{api.region}:{api.account}:{resource}"
        context = {"aws:SourceIp": [incoming.source_ip], "aws:RequestedRegion": [api.region]}
        try:
            self._authoriser.check(identity, "execute-api:Invoke", arn, context)
        except ApiError as error:
            raise (forbidden(error.message) if error.status == 403 else internal(error.message)) from error
        return _iam_context(identity)

    def _jwt(self, authorizer: JwtAuthorizer, route: Route, incoming: Incoming) -> Mapping[str, Any]:
        given = incoming.header(authorizer.header).strip()
        scheme, _, rest = given.partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else given
        if not token:
            raise Refusal(401, "Unauthorized", cause="no token", headers=[("www-authenticate", "Bearer")])
        try:
            claims = self._tokens.verify(token, authorizer, route.scopes)
        except TokenError as error:
            challenge = (
                f'Bearer scope="{" ".join(route.scopes)}" error="{error.error}" error_description="{error}"'
            )
            headers = [("www-authenticate", challenge.replace("\n", " ").replace("\r", " "))]
            if error.error == "insufficient_scope":
                raise Refusal(403, "Forbidden", cause=str(error), headers=headers) from error
            raise Refusal(401, "Unauthorized", cause=str(error), headers=headers) from error
        texts = {name: claim_text(value) for name, value in claims.items()}
        return {"claims": texts, "scopes": granted_scopes(claims) if route.scopes else None}


def _iam_context(identity: Identity) -> dict[str, Any]:
    return {
        "accessKey": identity.access_key,
        "accountId": identity.account,
        "callerId": identity.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": identity.arn,
        "userId": identity.user_id,
    }
