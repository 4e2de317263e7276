"""The whole public vocabulary of serverless RAG, the same on every cloud."""

from __future__ import annotations

from dataclasses import dataclass, field

from serverless_ai_patterns.function_llm.settings import Iam, Jwt, Sessions, Throttle, TokenBudget
from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings
from serverless_ai_patterns.rag.stores import STORES, VectorStore, has_keywords
from serverless_ai_patterns.validation import in_range, require, typed

SEARCHES = ("vector", "keyword", "hybrid")


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedding:
    """The model that makes vectors of texts. Another one is another index."""

    model: str = "embed"
    """The alias `embed` or any id of the cloud's own."""
    dimension: int | None = None
    """Numbers in a vector. None: the model's default."""

    def __post_init__(self) -> None:
        typed(self)
        require(self, "model", "a model alias or id", when=bool(self.model.strip()))
        if self.dimension is not None:
            in_range(self, "dimension", 1, 4096)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingestion:
    """How documents become chunks, and the function that does it."""

    chunk_chars: int = 1200
    """Most characters of a chunk, 200 to 8000."""
    overlap_chars: int = 150
    """Of the end of a chunk that the next one repeats: at most so much, 0 to half a chunk."""
    function: WorkerSettings = field(default_factory=WorkerSettings)

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "chunk_chars", 200, 8000)
        in_range(self, "overlap_chars", 0, self.chunk_chars // 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The model that answers, and what it is given."""

    model: str = "small"
    """An alias of the registry (`small`, `large`) or any id of the cloud's own."""
    max_output_tokens: int = 600
    top_k: int = 6
    """Passages, where a request names no number; 1 to 20."""
    search: str = "vector"
    """`vector`, `keyword`, or `hybrid`, which is both; the last two where the store has full-text search."""
    cached_minutes: int = 60
    """How long answers and the vectors of questions are kept, 0 to 10,080; a change of any document of the
    tenant ends it for answers. 0 = every question is asked anew."""

    context_cache: bool = False
    """AWS, with Claude or Nova: ask Bedrock to keep the passages of a prompt for five minutes, for prompts
    that begin with the same ones. The models of Azure and Google Cloud do it by themselves."""

    def __post_init__(self) -> None:
        typed(self)
        require(self, "model", "a model alias or id", when=bool(self.model.strip()))
        in_range(self, "max_output_tokens", 64, 8192)
        in_range(self, "top_k", 1, 20)
        require(self, "search", f"one of {', '.join(SEARCHES)}", when=self.search in SEARCHES)
        in_range(self, "cached_minutes", 0, 10_080)


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """`POST /ask` and `POST /search`: who may call, and whose documents they see."""

    auth: Iam | Jwt = Iam()  # noqa: RUF009 - frozen
    tenant_claim: str = ""
    """Claim of the caller's token that names its tenant; then the first folder of a document names the tenant
    whose it is. "" = one tenant."""
    tags_claim: str = ""
    """Claim that lists the tags the caller has. A document whose metadata `tags` name any is shown only to
    who has them all; with "" to nobody."""
    throttle: Throttle = Throttle()  # noqa: RUF009 - frozen
    function: FunctionSettings = field(default_factory=FunctionSettings)

    def __post_init__(self) -> None:
        typed(self)
        for name in ("tenant_claim", "tags_claim"):
            require(
                self,
                name,
                "left out unless callers have tokens: auth must be Jwt",
                when=not getattr(self, name) or isinstance(self.auth, Jwt),
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class RagSettings:
    """Documents in a bucket, answers with citations out of an endpoint."""

    store: VectorStore | None = None
    """Where vectors are kept. None: the cloud's own that costs nothing idle."""
    embedding: Embedding = Embedding()
    previous_embedding: Embedding | None = None
    """The one whose place is being taken: it answers until a `resync` has filled the new index."""
    ingestion: Ingestion = field(default_factory=Ingestion)
    answers: Answers = Answers()
    endpoint: Endpoint = field(default_factory=Endpoint)
    sessions: Sessions = Sessions()  # noqa: RUF009 - frozen
    budget: TokenBudget = TokenBudget()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        typed(self)
        if self.previous_embedding == self.embedding:
            raise ValueError("RagSettings.previous_embedding must be another one than embedding, or left out")

    def store_on(self, cloud: str) -> VectorStore:
        """The store on `cloud` (`aws`, `azure`, `gcp`). Raises ValueError for another cloud's."""
        allowed = STORES[cloud]
        store = self.store or allowed[0]()
        if not isinstance(store, allowed):
            names = ", ".join(one.__name__ for one in allowed)
            raise ValueError(f"RagSettings.store must be one of {names} on {cloud}; got {store!r}")
        if self.answers.search != "vector" and not has_keywords(store):
            raise ValueError(
                f"Answers.search must be vector with the store {type(store).__name__}, which has no full-text"
                f" search; got {self.answers.search!r}"
            )
        return store
