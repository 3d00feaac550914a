"""What every servicer has: the deployment, and writes that may be sent again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from google.protobuf.message import Message

from metadata_service import access
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.hidden import Hidden
from metadata_service.catalog.requests import once
from metadata_service.store.protocol import Reading, Writing

Response = TypeVar("Response", bound=Message)


class Servicer:
    """Decode, call, encode: rules live in the catalog."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    @property
    def caller(self) -> Caller:
        return access.caller()

    @property
    def now_ms(self) -> int:
        return self.deployment.now_ms()

    def reading(self) -> AbstractContextManager[Reading]:
        return self.deployment.store.reading()

    def once(
        self,
        request: Message,
        response: type[Response],
        work: Callable[[Writing], Response],
        *,
        hidden: Hidden | None = None,
    ) -> Response:
        """Does the work in one transaction, or gives the first answer again."""
        with self.deployment.store.writing() as writing:
            self.deployment.forgetting.some(writing, self.now_ms)
            return once(
                writing, self.caller, self.now_ms, target=type(request).__name__, request=request, response=response,
                work=lambda: work(writing), hidden=hidden,
            )  # fmt: skip


def given(request: Message, *names: str) -> dict[str, object]:
    """The optional fields of a request that are present."""
    return {name: getattr(request, name) for name in names if request.HasField(name)}
