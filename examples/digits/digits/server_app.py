"""What happens in the middle: models are averaged, accuracies are recorded. No data comes here."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

import hyperdatasets as hd
from digits import model

app = ServerApp()
_DEADLINE_S = 180


class Recorded(FedAvg):
    """FedAvg that records the accuracy of each global model, and does not pass over a site that failed."""

    def __init__(self, sites: int, experiment: hd.Experiment | None) -> None:
        self._experiment = experiment
        super().__init__(
            fraction_train=1.0, fraction_evaluate=0.0, min_train_nodes=sites, min_available_nodes=sites,
            train_metrics_aggr_fn=lambda replies, _: MetricRecord(pooled(replies)),
        )  # fmt: skip

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Sites judge the model that they were given, so that these are the metrics of the round before."""
        arrays, metrics = super().aggregate_train(server_round, checked(replies))
        if metrics is not None:
            record(self._experiment, server_round - 1, float(metrics["accuracy"]))
        return arrays, metrics


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = dict(context.run_config)
    sites, rounds = int(config["sites"]), int(config["rounds"])
    wait_for(grid, sites)
    with recorded(config) as experiment:
        told = ConfigRecord(experiment.run_config if experiment else {})
        result = Recorded(sites, experiment).start(
            grid=grid, initial_arrays=ArrayRecord(model.new()), num_rounds=rounds, timeout=_DEADLINE_S,
            train_config=told,
        )  # fmt: skip
        accuracy = judge(grid, result.arrays, told)
        record(experiment, rounds, accuracy)
    print(f"accuracy after {rounds} rounds: {accuracy:.3f}", flush=True)


def recorded(config: dict[str, object]) -> AbstractContextManager[hd.Experiment | None]:
    """The experiment that the run names, or a new one of the run's views; none without a service."""
    if not config["service"]:
        return nullcontext()
    client = hd.connect(str(config["service"]))
    if config["experiment"]:
        return nullcontext(hd.Experiment.get(experiment_id=str(config["experiment"]), client=client))
    experiment = hd.Experiment.start(project=str(config["project"]), name="digits", client=client)
    for name in ("train", "test"):
        experiment.connect(hd.DataView.get(name=str(config[f"view-{name}"]), client=client), name=name)
    return experiment


def pooled(replies: Iterable[RecordDict]) -> dict[str, float]:
    """Accuracy over the test frames of all sites together."""
    metrics = [reply["metrics"] for reply in replies]
    tested, correct = (sum(int(each[key]) for each in metrics) for key in ("tested", "correct"))
    return {"accuracy": correct / max(tested, 1), "tested": float(tested)}


def checked(replies: Iterable[Message]) -> list[Message]:
    listed = list(replies)
    failed = [reply.error.reason for reply in listed if reply.has_error()]
    if failed:
        raise RuntimeError(f"{len(failed)} sites failed: {failed[0]}")
    return listed


def judge(grid: Grid, arrays: ArrayRecord, told: ConfigRecord) -> float:
    """Accuracy of the last model."""
    content = RecordDict({"arrays": arrays, "config": told})
    messages = [Message(content, dst_node_id=node, message_type="evaluate") for node in grid.get_node_ids()]
    replies = checked(grid.send_and_receive(messages, timeout=_DEADLINE_S))
    return pooled(reply.content for reply in replies)["accuracy"]


def record(experiment: hd.Experiment | None, number: int, accuracy: float) -> None:
    """Adds a point to the experiment, if there is one."""
    if experiment is not None:
        experiment.log_metrics({"accuracy": accuracy}, step=number)


def wait_for(grid: Grid, sites: int) -> None:
    deadline = time.monotonic() + 60
    while len(list(grid.get_node_ids())) < sites:
        if time.monotonic() > deadline:
            raise TimeoutError(f"fewer than {sites} sites are connected after a minute")
        time.sleep(0.2)
