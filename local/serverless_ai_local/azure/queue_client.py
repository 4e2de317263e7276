"""Queues as the platform itself reaches them: as an identity, with the checks of the service's own calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.calls import ServiceFault
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.queue_service import ADD, DELETE, PROCESS, UPDATE, allow_any
from serverless_ai_local.azure.queues import Message, Queues

QUEUE: Final = "storage:Queue"
NEVER: Final = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueClient:
    """One queue, as one principal. Every method raises `ServiceFault` with the service's own refusal."""

    estate: Estate
    access: Access
    queues: Queues
    account: Resource
    name: str
    who: Principal

    def put(self, text: str, *, ttl_s: float = NEVER) -> None:
        queue = self._allowed(*ADD)
        self.queues.put(queue.id, text, ttl_s=ttl_s)

    def get(self, count: int, hidden_s: float) -> list[Message]:
        queue = self._allowed(*PROCESS)
        return self.queues.get(queue.id, count, hidden_s)

    def delete(self, message: Message) -> None:
        queue = self._allowed(*DELETE)
        self.queues.delete(queue.id, message.id, message.receipt)

    def release(self, message: Message, wait_s: float) -> None:
        """Let it be fetched again after a while."""
        queue = self._allowed(*UPDATE)
        self.queues.update(queue.id, message.id, message.receipt, wait_s, None)

    def move(self, message: Message, queue: str) -> None:
        """Put it into another queue of the account, and only then take it out of this one."""
        replace(self, name=queue).put(message.text)
        self.delete(message)

    def _allowed(self, *actions: str) -> Resource:
        queue = self.estate.find(QUEUE, self.name, self.account.id)
        if queue is None:
            raise ServiceFault(404, "QueueNotFound", f"The specified queue does not exist: {self.name}")
        allow_any(self.access, self.who, actions, queue)
        return queue
