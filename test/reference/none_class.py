"""Which images may stand for none of the classes, and how the classes rank all of them then; NumPy and PyTorch, float64.

Arguments: files of float32 features of labelled images, their int32 labels, features of the others, int32 rows of the others
that stand for none; number of features, number of classes, strength of the penalty.
Prints the rows of the half that is least like the mean of any class, and for each of the others the softmax probabilities of
the classes beside that of none, as JSON.
"""
import json
import sys

import numpy
import torch

labelled, labels, others, none, length, classes, l2 = sys.argv[1:]
length, classes = int(length), int(classes)
z = numpy.fromfile(labelled, "<f4").reshape(-1, length).astype(numpy.float64)
y = numpy.fromfile(labels, "<i4")
u = numpy.fromfile(others, "<f4").reshape(-1, length).astype(numpy.float64)
rows = numpy.fromfile(none, "<i4")


def unit(x):
    return x / numpy.linalg.norm(x, axis=1, keepdims=True)


means = unit(numpy.stack([z[y == c].mean(0) for c in range(classes)]))
nearest = (unit(u) @ means.T).max(1)
half = numpy.flatnonzero(nearest <= numpy.median(nearest))

x = torch.from_numpy(numpy.concatenate([z, u[rows]]))
t = torch.from_numpy(numpy.concatenate([y, numpy.full(len(rows), classes)])).long()
# The labelled images together weigh as much as there are classes, what is none of them as one more class.
weights = torch.cat(
    [torch.from_numpy(1 / numpy.bincount(y)[y]), torch.full((len(rows),), 1 / len(rows), dtype=torch.float64)]
) / (classes + 1)
weight = torch.zeros(classes + 1, length, dtype=torch.float64, requires_grad=True)
bias = torch.zeros(classes + 1, dtype=torch.float64, requires_grad=True)
optimiser = torch.optim.LBFGS(
    [weight, bias], max_iter=2000, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
)


def closure():
    optimiser.zero_grad()
    losses = torch.nn.functional.cross_entropy(x @ weight.T + bias, t, reduction="none")
    total = (weights * losses).sum() + float(l2) / 2 * (weight**2).sum()
    total.backward()
    return total


optimiser.step(closure)
probabilities = torch.softmax(torch.from_numpy(u) @ weight.T + bias, 1)[:, :classes]
print(json.dumps({"half": half.tolist(), "probabilities": probabilities.tolist()}))
