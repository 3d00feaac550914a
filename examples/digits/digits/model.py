"""Softmax regression on 8 x 8 pictures, in NumPy: small enough to read, real enough to learn."""

from __future__ import annotations

import numpy as np

CLASSES, PIXELS = 10, 64


def new() -> list[np.ndarray]:
    return [np.zeros((PIXELS, CLASSES), np.float32), np.zeros(CLASSES, np.float32)]


def inputs(pictures: np.ndarray) -> np.ndarray:
    """Pictures of shape (n, 8, 8) as rows from 0 to 1."""
    return pictures.reshape(len(pictures), -1).astype(np.float32) / 255


def probabilities(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    scores = x @ weights[0] + weights[1]
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def fit(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray, *, rate: float, batch: int = 32) -> list[np.ndarray]:
    """One pass of gradient descent in the order of the data."""
    matrix, bias = (each.copy() for each in weights)
    for start in range(0, len(x), batch):
        part, wanted = x[start : start + batch], y[start : start + batch]
        error = probabilities([matrix, bias], part)
        error[np.arange(len(part)), wanted] -= 1
        matrix -= rate * part.T @ error / len(part)
        bias -= rate * error.mean(axis=0)
    return [matrix, bias]


def correct(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> int:
    """How many are recognised."""
    return int((probabilities(weights, x).argmax(axis=1) == y).sum())
