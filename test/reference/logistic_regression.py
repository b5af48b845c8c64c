"""Minimum of a penalised multinomial logistic regression, by PyTorch's L-BFGS in float64.

Arguments: files of float32 features and int32 labels, number of features, number of classes, strength of the penalty, label
smoothing, and "balanced" where each class weighs the same.
Prints the loss with the penalty, without it, and the logits of the first row, as JSON.
"""
import json
import sys

import numpy
import torch

features, labels, length, classes, l2, smoothing, weights = sys.argv[1:]
x = torch.from_numpy(numpy.fromfile(features, "<f4").reshape(-1, int(length))).double()
y = torch.from_numpy(numpy.fromfile(labels, "<i4")).long()
per_class = 1 / torch.bincount(y, minlength=int(classes)).double()
row_weights = per_class[y] if weights == "balanced" else torch.ones(len(y), dtype=torch.float64)
row_weights = row_weights / row_weights.sum()
weight = torch.zeros(int(classes), int(length), dtype=torch.float64, requires_grad=True)
bias = torch.zeros(int(classes), dtype=torch.float64, requires_grad=True)
optimiser = torch.optim.LBFGS(
    [weight, bias], max_iter=2000, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
)


def loss():
    losses = torch.nn.functional.cross_entropy(
        x @ weight.T + bias, y, reduction="none", label_smoothing=float(smoothing)
    )
    return (row_weights * losses).sum()


def closure():
    optimiser.zero_grad()
    total = loss() + float(l2) / 2 * (weight**2).sum()
    total.backward()
    return total


optimiser.step(closure)
print(
    json.dumps(
        {
            "penalised": closure().item(),
            "loss": loss().item(),
            "logits": (x[0] @ weight.T + bias).tolist(),
        }
    )
)
