"""What the docs show: pictures from a deployment, tables from the code. `make docs` writes it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import permissions
from deployments import EVERYTHING, NAMES, ROOT, deployed
from vocabulary import processors_table, settings_table

from serverless_ai_local.aws.from_pulumi.aws_cloud import DIRECT, INVOKES, ROWS
from serverless_ai_local.aws.resources import registry
from serverless_ai_local.azure.from_pulumi import azure_cloud
from serverless_ai_local.azure.types import TABLE
from serverless_ai_local.gcp.from_pulumi import gcp_cloud
from serverless_ai_local.graph import Resource
from serverless_ai_local.picture import dot
from serverless_ai_patterns.catalogue import CATALOGUE, Pattern
from serverless_ai_patterns.cost import idle_monthly, per_thousand_requests
from serverless_ai_patterns.cost_event_pipeline import per_thousand_documents
from serverless_ai_patterns.cost_rag import per_thousand_questions
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.models import resolve_aws
from serverless_ai_patterns.rag import RagSettings

TOKENS: Final[Mapping[str, Sequence[str]]] = {
    "aws": [*(one.token for one in (*ROWS, *DIRECT)), *INVOKES],
    "azure": [*(f"{azure_cloud.PACKAGE}:{kind}" for kind in TABLE), *azure_cloud.INVOKES],
    "gcp": [*gcp_cloud.ROWS, *gcp_cloud.INVOKES],
}
"""Pulumi's names of what the local cloud has, from the registries that deployments are looked up in."""


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
    """What a thousand requests, documents or questions with the default settings cost, meter by meter."""
    chosen = settings()
    if isinstance(chosen, EventPipelineSettings):
        what, meters = "documents", per_thousand_documents(chosen, resolve_aws(chosen.model.model))
    elif isinstance(chosen, RagSettings):
        model, embedding = resolve_aws(chosen.answers.model), resolve_aws(chosen.embedding.model)
        what, meters = "questions", per_thousand_questions(chosen, model, embedding)
    else:
        what, meters = "requests", per_thousand_requests(chosen, resolve_aws(chosen.llm.model))
    lines = [f"| meter | USD per 1000 {what} | how |", "|---|---|---|"]
    lines += [f"| {line.meter} | {line.usd:.5f} | {line.why} |" for line in meters]
    lines.append(f"| total | {sum(line.usd for line in meters):.5f} | |")
    return "\n".join(lines)


def cloudformation_types() -> str:
    """Every CloudFormation type of the local cloud, by service."""
    lines = ["| CloudFormation | types |", "|---|---|"]
    return "\n".join(lines + _by_service(name.rsplit("::", 1) for name in registry()))


def pulumi_types(cloud: str) -> str:
    """Every Pulumi resource and function of the local cloud, by module, as Python imports them."""
    lines = ["| Pulumi | resources and functions |", "|---|---|"]
    return "\n".join(lines + _by_service(map(_imported, TOKENS[cloud])))


def replaced(page: str, name: str, content: str) -> str:
    """`page` with what stands between the markers of `name`."""
    pattern = re.compile(rf"(<!-- {name}:begin[^>]*-->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no markers for {name}")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", page)


def tables(
    pattern: Pattern, cloud: str, default: Sequence[Resource], everything: Sequence[Resource]
) -> dict[str, str]:
    """Content for the markers of a pattern's page that tell of one cloud."""
    return {
        f"creates-{cloud}": creates_table(default),
        f"permissions-{cloud}": permissions.table(cloud, everything, default),
    }


def picture(pattern: Pattern, cloud: str, everything: Sequence[Resource]) -> tuple[Path, str]:
    """What calls what on one cloud."""
    path = ROOT / "docs/pictures" / f"{pattern.slug}-{cloud}.svg"
    return path, svg(dot(everything, title=f"{pattern.title} on {NAMES[cloud]}"))


def page_of(pattern: Pattern) -> Path:
    """The page of a pattern."""
    return ROOT / "patterns/serverless_ai_patterns" / pattern.slug / "README.md"


def filled(page: str, contents: Mapping[str, str]) -> str:
    """`page` with new content between all markers that are named."""
    for name, content in contents.items():
        page = replaced(page, name, content)
    return page


def undeployed() -> dict[Path, str]:
    """The pages as far as the code alone says what they must hold."""
    front, local = ROOT / "README.md", ROOT / "docs/local-cloud.md"
    lists = {f"pulumi-{cloud}": pulumi_types(cloud) for cloud in TOKENS}
    found = {
        front: filled(front.read_text(), {"catalogue": catalogue()}),
        local: filled(local.read_text(), {"cloudformation": cloudformation_types(), **lists}),
    }
    for pattern in CATALOGUE:
        page = page_of(pattern)
        contents = {"settings": settings_table(pattern.settings), "cost": cost_table(pattern.settings)}
        if pattern.settings is EventPipelineSettings:
            contents["processors"] = processors_table()
        found[page] = filled(page.read_text(), contents)
    return found


def main() -> None:
    """Write everything anew."""
    for path, content in undeployed().items():
        path.write_text(content)
    for pattern in CATALOGUE:
        page = page_of(pattern)
        for cloud in pattern.clouds:
            default, everything = (
                deployed(pattern, cloud),
                deployed(pattern, cloud, EVERYTHING[pattern.slug][cloud]),
            )
            page.write_text(filled(page.read_text(), tables(pattern, cloud, default, everything)))
            path, content = picture(pattern, cloud, everything)
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
    package, module, name = token.replace("azure-native:", "azure_native:").split(":")
    module, name = module.split("/")[0], name.rsplit("/", 1)[-1]
    where = {"index": f"pulumi_{package}", "lambda": f"pulumi_{package}.lambda_"}
    shown = re.sub(r"(?=[A-Z])", "_", name).lower() if name[0].islower() else name
    return where.get(module, f"pulumi_{package}.{module}"), shown


if __name__ == "__main__":
    main()
