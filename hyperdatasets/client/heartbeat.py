"""Signs of life of an experiment, which its process sends to the service from time to time."""

from __future__ import annotations

import threading

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.errors import HyperdatasetsError, NotFound
from hyperdatasets.v1 import experiment_service_pb2 as pb


class Heartbeat:
    """Beats in a thread of its own, over its own connection, until it is ended or the experiment has ended.

    The service says how often. While it cannot be reached, beats go on without end.
    """

    def __init__(self, experiment_id: str, config: ClientConfig) -> None:
        self._request = pb.BeatExperimentRequest(experiment=experiment_id)
        self._client, self._ended = MetadataClient(config), threading.Event()

    def start(self) -> None:
        """Beats once now, and then by itself."""
        pause_s = self.beat()
        threading.Thread(target=self._run, args=(pause_s,), name="heartbeat", daemon=True).start()

    def beat(self) -> float:
        """Sends one beat; returns the seconds until the next one, 0 if no more are needed."""
        answer = self._client.send(self._request)
        return answer.next_beat_ms / 1_000 if answer.state == pb.EXPERIMENT_STATE_RUNNING else 0.0

    def end(self) -> None:
        self._ended.set()

    def _run(self, pause_s: float) -> None:
        while pause_s and not self._ended.wait(pause_s):
            try:
                pause_s = self.beat()
            except NotFound:  # it was deleted
                break
            except HyperdatasetsError:
                continue
        self._client.close()
