"""Temperature and calibration errors of logits, by PyTorch in float64.

Arguments: files of float32 logits and int32 labels, number of classes.
Prints the temperature that minimises the cross-entropy (L-BFGS), and at 1 and at that temperature the cross-entropy and the
expected calibration error in percent over 15 bins (low, high], as JSON.
"""
import json
import sys

import numpy
import torch

logits, labels, classes = sys.argv[1:]
x = torch.from_numpy(numpy.fromfile(logits, "<f4").reshape(-1, int(classes))).double()
y = torch.from_numpy(numpy.fromfile(labels, "<i4")).long()
log_temperature = torch.zeros((), dtype=torch.float64, requires_grad=True)
optimiser = torch.optim.LBFGS([log_temperature], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")


def closure():
    optimiser.zero_grad()
    loss = torch.nn.functional.cross_entropy(x / log_temperature.exp(), y)
    loss.backward()
    return loss


optimiser.step(closure)
best = log_temperature.exp().item()


def at(temperature):
    probability, predicted = torch.softmax(x / temperature, 1).max(1)
    right = (predicted == y).double()
    error = 0.0
    for low in range(15):
        inside = (probability > low / 15) & (probability <= (low + 1) / 15)
        if inside.any():
            error += inside.double().mean() * (right[inside].mean() - probability[inside].mean()).abs()
    loss = torch.nn.functional.cross_entropy(x / temperature, y)
    return {"loss": loss.item(), "calibrationError": 100 * float(error)}


print(json.dumps({"temperature": best, "raw": at(1.0), "scaled": at(best)}))
