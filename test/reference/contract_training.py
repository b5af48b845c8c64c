"""What PyTorch makes of the steps and the fit of test/contract/training.ts: python3 contract_training.py > ../contract/golden/training.json

Weights, images and targets are made of `hashed` numbers, which JavaScript makes too. Of each tensor after five steps the file
has its norm, and its product with hashed numbers.
"""

import json
import math
import re

import numpy as np
import torch

from training import Net, train


def hashed(seed, length):
    """Numbers from -1 to 1: MurmurHash3's finaliser over positions."""
    x = (np.arange(1, length + 1, dtype=np.uint64) * 0x9E3779B1 + seed * 0x85EBCA6B) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> shift)) * factor) & 0xFFFFFFFF
    return (x ^ (x >> 16)) / 2**31 - 1


def floats(values, *dims):
    return torch.from_numpy(values.astype("<f4").reshape(dims))


def summary(tensor):
    values = tensor.double().numpy().ravel()
    return [float(f"{number:.9g}") for number in (math.sqrt(values @ values), values @ hashed(99, values.size))]


def start(seed, name, dims):
    values = hashed(seed, math.prod(dims))
    if len(dims) > 1:
        return floats(values * math.sqrt(6 / math.prod(dims[1:])), *dims)
    centre = 1 if name.endswith(("weight", "running_var")) else 0
    return floats(centre + 0.1 * values, *dims)


def batch(seed, size, classes):
    images, side = hashed(seed, size * 3 * 8 * 8) * math.sqrt(3), 8
    targets = np.zeros((size, classes))
    for row, value in enumerate(hashed(seed + 1, size)):
        label = int((value + 1) / 2 * classes)
        targets[row, label] += 0.75
        targets[row, (label + 1) % classes] += 0.25
    return floats(images, size, 3, side, side), floats(targets, size, classes)


common = {
    "layers": [1, 1], "width": 16, "stem": "cifar", "classes": 10, "batch": 4, "size": 8, "steps": 5, "record": [5],
    "optimizer": "sgd", "ema": 0, "lr": 0.02, "momentum": 0.9, "nesterov": False, "weight_decay": 1e-4, "decay": "weights",
    "clip": 0, "accumulate": 1, "frozen_norm": False, "frozen": [],
    "block": "bottleneck", "groups": 4, "width_per_group": 16,
}
jobs = {
    "Nesterov's momentum": {"nesterov": True},
    "clipped gradients": {"clip": 0.5, "decay": "all", "weight_decay": 5e-3},
    "AdamW, and an average of the weights": {"optimizer": "adamw", "lr": 1e-2, "weight_decay": 0.05, "eps": 1e-2, "ema": 0.9},
    "frozen first layers and statistics": {"frozen_norm": True, "frozen": ["conv1", "bn1", "layer1"]},
    "gradients of two micro-batches": {"accumulate": 2, "clip": 1},
}

golden = {}
for title, changes in jobs.items():
    job = {**common, **changes}
    model = Net(job)
    state = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    model.load_state_dict(
        {name: start(seed, name, value.shape) for seed, (name, value) in enumerate(state.items(), 1)}, strict=False
    )
    results = train(model, job, [batch(1000 * step, 4, 10) for step in range(1, 6)])
    golden[title] = {
        "losses": [results[f"loss/{step}"].item() for step in range(1, 6)],
        "state": {
            name[len("after/5/") :]: summary(value)
            for name, value in results.items()
            if name.startswith("after/") and (job["ema"] or not name.endswith("/ema"))
        },
    }

rows, length, classes, l2 = 240, 20, 4, 0.1
labels = torch.arange(rows) % classes
sizes = np.array([0.01, 0.1, 1, 10, 100])[np.arange(length) % 5]
shift = (np.arange(length) % classes == labels.numpy()[:, None]) * 0.8
features = floats((hashed(7, rows * length).reshape(rows, length) + shift) * sizes, rows, length).double()
standard = (features - features.mean(0)) / features.std(0, unbiased=False)
weight = torch.zeros(classes, length, dtype=torch.float64, requires_grad=True)
bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
optimiser = torch.optim.LBFGS(
    [weight, bias], max_iter=2000, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
)
loss = lambda: torch.nn.functional.cross_entropy(standard @ weight.T + bias, labels)


def closure():
    optimiser.zero_grad()
    total = loss() + l2 / 2 * (weight**2).sum()
    total.backward()
    return total


optimiser.step(closure)
fit = {"penalised": closure().item(), "loss": loss().item(), "logits": (standard[0] @ weight.T + bias).tolist()}
about = "test/reference/contract_training.py, torch " + torch.__version__
text = json.dumps({"about": about, "jobs": golden, "fit": fit}, indent=1)
print(re.sub(r"\[[^\[\]{}]*\]", lambda match: " ".join(match[0].split()), text))
