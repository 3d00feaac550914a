"""Signs of life of an experiment: the service is told again and again that its process lives."""

from __future__ import annotations

import threading

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.errors import HyperdatasetsError, NotFound
from hyperdatasets.v1 import experiment_service_pb2 as pb


class Heartbeat:
    """Beats in a thread of its own, over its own connection, until it is ended or the experiment has ended.

    The service says how often. A service that cannot be reached is told at the next beat, however long that takes.
    """

    def __init__(self, experiment_id: str, config: ClientConfig) -> None:
        self._request = pb.BeatExperimentRequest(experiment=experiment_id)
        self._client, self._ended = MetadataClient(config), threading.Event()

    def start(self) -> None:
        """Beats once now, and then by itself."""
        pause_s = self.beat()
        threading.Thread(target=self._run, args=(pause_s,), name="heartbeat", daemon=True).start()

    def beat(self) -> float:
        """Tells the service once; returns the seconds to the next time, 0 if there need be none."""
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
