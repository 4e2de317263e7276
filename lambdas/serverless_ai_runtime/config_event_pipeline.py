"""What the event pipeline's handler is told; written with `config.to_env`, read with `config.from_env`."""

from typing import NamedTuple


class EventPipelineConfig(NamedTuple):
    """What the event pipeline's handler must know. Empty strings and zeros mean "not used"."""

    processor: str
    """`summarize`, `classify`, `extract`, `translate`, `ocr`, `image_labels`, `transcribe`, `moderate`,
    `entities` or `custom`."""
    options: str
    """JSON object: the processor's own settings."""
    model: str
    model_endpoint: str
    """As in `FunctionLlmConfig`."""
    max_output_tokens: int
    """Of one item."""
    context_tokens: int
    input_microusd: int
    output_microusd: int
    """Price of a million tokens in millionths of a dollar; 0 = not known."""
    objects: str
    """URL of the blob service that holds the containers (Azure)."""
    inputs: str
    """Bucket or container of uploads."""
    results: str
    """Bucket or container of results."""
    results_prefix: str
    store: str
    """As in `FunctionLlmConfig`."""
    record_s: int
    """How long the record of an item is kept."""
    announcements: str
    """Where completion events go (AWS: name of the event bus; Azure: URL of the Event Grid topic; Google:
    projects/P/topics/T)."""
    queue: str
    """The pipeline's own queue (AWS and Azure: URL; Google: projects/P/topics/T)."""
    dead_letters: str
    """As `queue`."""
    max_attempts: int
    max_bytes: int
    """Of an object that the function reads."""
    timeout_s: int
    """Most seconds an invocation may take."""
    batch_size: int
    """Items in one model call."""
    batch_wait_s: int
    ai_endpoint: str
    """The AI service, where it must be named (Azure: the account's URL; Google: the processor of Document AI
    projects/P/locations/L/processors/I, or the recognizer's projects/P/locations/L)."""
    job_topic: str
    """Topic that Textract tells the end of a job (AWS: ARN)."""
    job_role: str
    """Role with which Textract does (AWS: ARN)."""
    log_content: bool


class GcpPipelineEdge(NamedTuple):
    """What the pipeline's function on Google Cloud must know beside its pattern."""

    deliverer: str
    """Unique id (`sub`) of the account that Pub/Sub and Eventarc deliver as; nobody else is let in."""
    project: str
    """Where traces are."""
    upload_prefix: str
    """Eventarc filters no names: the function does, before anything else looks at an upload."""
    upload_suffixes: str
    """JSON list."""
    upload_max_bytes: int
    """0 = any."""
    waiting: str
    """Subscription (projects/P/subscriptions/S) that batches are pulled from; "" = messages are pushed."""
