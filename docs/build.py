"""What the docs show: pictures from a deployment, tables from the code. `make docs` writes it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from serverless_ai_local import launch
from serverless_ai_local.aws.from_pulumi.aws_cloud import DIRECT, INVOKES, ROWS
from serverless_ai_local.aws.resources import registry
from serverless_ai_local.graph import Resource
from serverless_ai_local.picture import dot
from serverless_ai_local.targets.cdk import Cdk
from serverless_ai_patterns.catalogue import CATALOGUE, Pattern
from serverless_ai_patterns.cost import idle_monthly, per_thousand_requests
from serverless_ai_patterns.models import resolve_aws

ROOT = Path(__file__).parents[1]
# Everything switched on, so that the picture shows every part.
EVERYTHING = (
    '{"llm": {"guardrail": true}, "events": {"schedule": "rate(1 day)", '
    '"bus_filter": {"source": ["shop"]}, "destination": true}}'
)


def deployed(pattern: Pattern, settings: str = "{}") -> tuple[Resource, ...]:
    """The graph of the pattern after a real `cdk deploy` onto a local cloud."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = launch.start(Path(folder))
        try:
            cdk = Cdk(cloud=cloud, app_dir=ROOT / "cdk", context={"settings": settings})
            cdk.bootstrap()
            return cdk.deploy(pattern.class_name).graph
        finally:
            cloud.stop()


def svg(text: str) -> str:
    """Graphviz text drawn; the drawing program is pinned in package.json."""
    done = subprocess.run(
        ["node", str(ROOT / "docs" / "render.mjs")],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout


def catalogue() -> str:
    """The table of the front page."""
    lines = ["| pattern | what it is | clouds | read on |", "|---|---|---|---|"]
    for pattern in CATALOGUE:
        page = f"patterns/serverless_ai_patterns/{pattern.slug}/README.md"
        name, clouds = f"**{pattern.title}** `{pattern.class_name}`", ", ".join(pattern.clouds)
        lines.append(f"| {name} | {pattern.summary} | {clouds} | [{page}]({page}) |")
    return "\n".join(lines)


def settings_table(settings: type[Any]) -> str:
    """Every setting with its default and its own words, group by group."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    defaults = settings()
    for group in dataclasses.fields(settings):
        default: Any = getattr(defaults, group.name)
        kind = type(default)
        words = _field_docs(kind)
        if not dataclasses.fields(kind):
            lines.append(f"| `{group.name}` | `{kind.__name__}()` | {_first_line(kind)} |")
        for field in dataclasses.fields(kind):
            value = _shown(getattr(default, field.name))
            lines.append(f"| `{group.name}.{field.name}` | {value} | {words.get(field.name, '')} |")
    return "\n".join(lines)


def creates_table(graph: Sequence[Resource]) -> str:
    """What a default deployment makes, and its list price while nobody calls."""
    price: Counter[str] = Counter()
    for line in idle_monthly((r.name, r.type, r.properties) for r in graph):
        price[line.type] += line.usd  # pyright: ignore[reportArgumentType]
    count = Counter(resource.type for resource in graph)
    lines = ["| resource | count | USD a month, idle |", "|---|---|---|"]
    lines += [f"| `{kind}` | {count[kind]} | {price[kind]:.2f} |" for kind in sorted(count)]
    lines.append(f"| total | {count.total()} | {sum(price.values()):.2f} |")
    return "\n".join(lines)


def cost_table(settings: type[Any]) -> str:
    """What a thousand requests with the default settings cost, meter by meter."""
    chosen = settings()
    meters = per_thousand_requests(chosen, resolve_aws(chosen.llm.model))
    lines = ["| meter | USD per 1000 requests | how |", "|---|---|---|"]
    lines += [f"| {line.meter} | {line.usd:.5f} | {line.why} |" for line in meters]
    lines.append(f"| total | {sum(line.usd for line in meters):.5f} | |")
    return "\n".join(lines)


def permissions_table(graph: Sequence[Resource]) -> str:
    """Every statement of every role that is deployed."""
    lines = ["| role of | may | on |", "|---|---|---|"]
    for role in (resource for resource in graph if resource.type == "AWS::IAM::Role"):
        who = "function" if "lambda" in str(role.properties["AssumeRolePolicyDocument"]) else "schedule"
        for policy in role.properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = "<br>".join(f"`{action}`" for action in _list(statement["Action"]))
                on = "<br>".join(f"`{_readable(one)}`" for one in _list(statement["Resource"]))
                if "Condition" in statement:
                    on += "<br>only through that profile"
                lines.append(f"| {who} | {actions} | {on} |")
    return "\n".join(lines)


def cloudformation_types() -> str:
    """Every CloudFormation type of the local cloud, by service."""
    lines = ["| CloudFormation | types |", "|---|---|"]
    return "\n".join(lines + _by_service(name.rsplit("::", 1) for name in registry()))


def pulumi_types() -> str:
    """Every Pulumi resource and function of the local cloud, by module, as Python imports them."""
    lines = ["| Pulumi | resources and functions |", "|---|---|"]
    tokens = [one.token for one in (*ROWS, *DIRECT)] + list(INVOKES)
    return "\n".join(lines + _by_service(_imported(token) for token in tokens))


def replaced(page: str, name: str, content: str) -> str:
    """`page` with what stands between the markers of `name`."""
    pattern = re.compile(rf"(<!-- {name}:begin[^>]*-->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no markers for {name}")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", page)


def pages(pattern: Pattern, default: Sequence[Resource], everything: Sequence[Resource]) -> dict[Path, str]:
    """Every page and picture of a pattern, as it should be."""
    front, own = ROOT / "README.md", ROOT / "patterns/serverless_ai_patterns" / pattern.slug / "README.md"
    page = own.read_text()
    page = replaced(page, "settings", settings_table(pattern.settings))
    page = replaced(page, "cost", cost_table(pattern.settings))
    page = replaced(page, "creates", creates_table(default))
    page = replaced(page, "permissions", permissions_table(everything))
    return {
        front: replaced(front.read_text(), "catalogue", catalogue()),
        own: page,
        ROOT / "docs/pictures" / f"{pattern.slug}.svg": svg(dot(everything, title=pattern.title)),
    }


def local_cloud() -> dict[Path, str]:
    """The page of the local cloud, as it should be."""
    path = ROOT / "docs/local-cloud.md"
    page = replaced(path.read_text(), "cloudformation", cloudformation_types())
    return {path: replaced(page, "pulumi", pulumi_types())}


def main() -> None:
    """Write everything anew."""
    for path, content in local_cloud().items():
        path.write_text(content)
    for pattern in CATALOGUE:
        for path, content in pages(pattern, deployed(pattern), deployed(pattern, EVERYTHING)).items():
            path.write_text(content)
    command = ["serverless-ai", "run", "function_llm", "--save-svg", str(ROOT / "docs/pictures/run.svg")]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _by_service(names: Iterable[Sequence[str]]) -> list[str]:
    """A row for each service with what it has."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for service, name in sorted(map(tuple, names)):
        found[service].append(f"`{name}`")
    return [f"| `{service}` | {', '.join(names)} |" for service, names in found.items()]


def _imported(token: str) -> tuple[str, str]:
    """`aws:lambda/function:Function` -> `pulumi_aws.lambda_`, `Function`."""
    module, name = token.removeprefix("aws:").split("/")[0], token.rsplit(":", 1)[1]
    where = {"index": "pulumi_aws", "lambda": "pulumi_aws.lambda_"}.get(module, f"pulumi_aws.{module}")
    return where, re.sub(r"(?=[A-Z])", "_", name).lower() if name[0].islower() else name


def _field_docs(kind: type[Any]) -> dict[str, str]:
    """The text under each field, which Python itself does not keep."""
    (body,) = (node for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def _first_line(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or "").split("\n", 1)[0]


def _shown(value: object) -> str:
    return "" if value is None else f"`{value!r}`"


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _readable(arn: str) -> str:
    """An ARN without what differs from one deployment to the next."""
    text = arn.replace("123456789012", "ACCOUNT").replace("FunctionLlm-FunctionLlm", "")
    text = re.sub(r"guardrail/\w+", "guardrail/ID", text)
    return re.sub(r"([A-Za-z]+?)[0-9A-F]{8}-[0-9A-Z]{8,16}", r"\1", text)


if __name__ == "__main__":
    main()
