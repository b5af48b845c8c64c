"""Training steps of torchvision ResNeXts on fixed batches.

training.py JOB... reads JOB.json of each: {seed, block, layers, width, groups, width_per_group, stem, classes, batch, size, steps, lr,
optimizer, eps, momentum, nesterov, weight_decay, decay, clip, accumulate, ema, frozen_norm, frozen,
temperature} and writes JOB.json/.bin with
`start/NAME` (state before the first step), `images/K`, `targets/K`, `loss/K` for each step K, and `after/K/NAME`,
`after/K/NAME/SLOT` for each K in `record`.
"""

import json
import sys

import torch
from torchvision.models.resnet import BasicBlock, Bottleneck

from tensor_files import write_tensors

torch.set_num_threads(1)


class Net(torch.nn.Module):
    """torchvision's blocks with any number of stages and planes."""

    def __init__(self, job):
        super().__init__()
        block = {"basic": BasicBlock, "bottleneck": Bottleneck}[job["block"]]
        channels = job["width"]
        if job["stem"] == "cifar":
            self.conv1 = torch.nn.Conv2d(3, channels, 3, padding=1, bias=False)
            self.maxpool = torch.nn.Identity()
        else:
            self.conv1 = torch.nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
            self.maxpool = torch.nn.MaxPool2d(3, 2, 1)
        self.bn1 = torch.nn.BatchNorm2d(channels)
        self.stages = len(job["layers"])
        for stage, blocks in enumerate(job["layers"]):
            planes, stride = job["width"] * 2**stage, 1 if stage == 0 else 2
            layer = []
            for index in range(blocks):
                step = stride if index == 0 else 1
                shortcut = None
                if step != 1 or channels != planes * block.expansion:
                    shortcut = torch.nn.Sequential(
                        torch.nn.Conv2d(channels, planes * block.expansion, 1, step, bias=False),
                        torch.nn.BatchNorm2d(planes * block.expansion),
                    )
                layer.append(block(channels, planes, step, shortcut, job["groups"], job["width_per_group"]))
                channels = planes * block.expansion
            setattr(self, f"layer{stage + 1}", torch.nn.Sequential(*layer))
        self.pairs = bool(job.get("temperature"))
        if self.pairs:
            self.projection = torch.nn.Sequential(
                torch.nn.Linear(channels, 256), torch.nn.ReLU(), torch.nn.Linear(256, 64)
            )
        else:
            self.fc = torch.nn.Linear(channels, job["classes"])

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        features = x.mean((2, 3))
        return self.projection(features) if self.pairs else self.fc(features)


def loss_of(outputs, targets, temperature):
    """Cross-entropy; with a temperature NT-Xent (SimCLR) over pairs of rows."""
    if not temperature:
        return torch.nn.functional.cross_entropy(outputs, targets)
    unit = torch.nn.functional.normalize(outputs, dim=1)
    similarities = unit @ unit.T / temperature
    similarities.fill_diagonal_(-1e9)
    return torch.nn.functional.cross_entropy(similarities, torch.arange(len(unit)) ^ 1)


def train(model, job, batches):
    """Takes a step for each batch. Returns the losses by step, and the state after those in `record`."""
    results = {}
    model.train()
    if job["frozen_norm"]:
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not any(name.startswith(prefix) for prefix in job["frozen"])
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    decays = lambda parameter: job["decay"] == "all" or parameter.dim() > 1
    groups = [
        {"params": [p for _, p in trained if decays(p)], "weight_decay": job["weight_decay"]},
        {"params": [p for _, p in trained if not decays(p)], "weight_decay": 0},
    ]
    if job["optimizer"] == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=job["lr"], eps=job["eps"])
        slots = {"exp_avg": "exp_avg", "exp_avg_sq": "exp_avg_sq"}
    else:
        optimizer = torch.optim.SGD(groups, lr=job["lr"], momentum=job["momentum"], nesterov=job["nesterov"])
        slots = {"momentum": "momentum_buffer"}
    average = {name: value.clone() for name, value in model.state_dict().items()}
    for step, (images, targets) in enumerate(batches, 1):
        optimizer.zero_grad()
        loss = 0
        for part in zip(images.chunk(job["accumulate"]), targets.chunk(job["accumulate"])):
            share = loss_of(model(part[0]), part[1], job.get("temperature")) / job["accumulate"]
            share.backward()
            loss = loss + share
        if job["clip"]:
            torch.nn.utils.clip_grad_norm_([p for _, p in trained], job["clip"])
        optimizer.step()
        results[f"loss/{step}"] = loss.detach()
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                average[name].mul_(job["ema"]).add_(value, alpha=1 - job["ema"])
        if step in job["record"]:
            for name, value in model.state_dict().items():
                results[f"after/{step}/{name}"] = value.clone()
                results[f"after/{step}/{name}/ema"] = average[name].clone()
            for name, parameter in trained:
                for slot, key in slots.items():
                    results[f"after/{step}/{name}/{slot}"] = optimizer.state[parameter][key].clone()
    return {name: value for name, value in results.items() if "num_batches_tracked" not in name}


def run(path):
    with open(path + ".json") as stream:
        job = json.load(stream)
    torch.manual_seed(job["seed"])
    model = Net(job)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    results = {
        f"start/{name}": value.clone()
        for name, value in model.state_dict().items()
        if "num_batches_tracked" not in name
    }
    batches = [
        (
            torch.randn(job["batch"] * (2 if job["temperature"] else 1), 3, job["size"], job["size"]),
            torch.softmax(3 * torch.randn(job["batch"], job["classes"]), 1),
        )
        for _ in range(job["steps"])
    ]
    for step, (images, targets) in enumerate(batches, 1):
        results[f"images/{step}"] = images
        results[f"targets/{step}"] = targets
    write_tensors(path, {**results, **train(model, job, batches)})


if __name__ == "__main__":
    for job_path in sys.argv[1:]:
        run(job_path)
