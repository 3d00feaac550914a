"""A grid of Flower in one process: the ClientApp answers each message at once."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity


class LocalGrid(Grid):  # type: ignore[misc]  # Flower has no types here
    """Clients numbered from 1, each with a `node_config`; an error in one becomes an error message, as in Flower."""

    def __init__(
        self, app: ClientApp, node_configs: Sequence[Mapping[str, Any]], run_config: Mapping[str, Any]
    ) -> None:
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
        self._app = app
        self._contexts = {
            number: Context(1, number, dict(node_config), RecordDict(), dict(run_config))
            for number, node_config in enumerate(node_configs, start=1)
        }
        self._replies: dict[str, Message] = {}

    def set_run(self, run: Any) -> None:
        """There is one run."""

    @property
    def run(self) -> Any:
        return None

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> list[int]:
        return list(self._contexts)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        return [self._answered(message) for message in messages]

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        return [self._replies.pop(each) for each in message_ids if each in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        return self.pull_messages(self.push_messages(messages))

    def _answered(self, message: Message) -> str:
        number = uuid.uuid4().hex
        message.metadata.__dict__["_message_id"] = number  # as a grid of Flower's does when it sends
        sent = copy.deepcopy(message)
        try:
            reply = self._app(sent, self._contexts[message.metadata.dst_node_id])
        except Exception as error:  # noqa: BLE001  # Flower tells any error in a reply
            reply = Message(Error(code=2, reason=repr(error)), reply_to=sent)
        self._replies[number] = copy.deepcopy(reply)
        return number
