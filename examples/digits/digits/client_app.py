"""What happens at a site: the data comes from the site's own node and goes nowhere else."""

from __future__ import annotations

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from digits import model
from hyperdatasets.flower import site_view

app = ClientApp()


def read(context: Context, message: Message, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and digits of a data view; labels are numbered from 1."""
    with site_view(context, name, message=message) as view:
        pictures, numbers = view.numpy()
    return model.inputs(pictures), numbers - 1


def tested(weights: list[np.ndarray], context: Context, message: Message) -> dict[str, int]:
    x, y = read(context, message, "test")
    return {"tested": len(x), "correct": model.correct(weights, x, y)}


@app.train()
def train(message: Message, context: Context) -> Message:
    """Judges the global model as it arrives, then trains it on; saves a phase of its own for the evaluation."""
    weights = message.content["arrays"].to_numpy_ndarrays()
    metrics = tested(weights, context, message)
    x, y = read(context, message, "train")
    for _ in range(int(context.run_config["epochs"])):
        weights = model.fit(weights, x, y, rate=float(context.run_config["learning-rate"]))
    record = MetricRecord({"num-examples": len(x), **metrics})
    return Message(RecordDict({"arrays": ArrayRecord(weights), "metrics": record}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    weights = message.content["arrays"].to_numpy_ndarrays()
    metrics = tested(weights, context, message)
    record = MetricRecord({"num-examples": metrics["tested"], **metrics})
    return Message(RecordDict({"metrics": record}), reply_to=message)
