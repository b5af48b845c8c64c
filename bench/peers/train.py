"""Steps of training on one batch, in a process of its own: its peak memory is that of training."""

import contextlib
import resource
import time

import numpy
import torch
from torchvision.models.resnet import BasicBlock, Bottleneck

from peer import serve


class Network(torch.nn.Module):
    """torchvision's blocks and names, with any number of stages and planes."""

    def __init__(self, block, layers, width, cardinality, baseWidth, stem, numClasses, temperature=None):
        super().__init__()
        block = {"basic": BasicBlock, "bottleneck": Bottleneck}[block]
        channels = width
        if stem == "cifar":
            self.conv1 = torch.nn.Conv2d(3, channels, 3, padding=1, bias=False)
            self.maxpool = torch.nn.Identity()
        else:
            self.conv1 = torch.nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False)
            self.maxpool = torch.nn.MaxPool2d(3, 2, 1)
        self.bn1 = torch.nn.BatchNorm2d(channels)
        self.relu = torch.nn.ReLU(inplace=True)
        self.stages = len(layers)
        for stage, blocks in enumerate(layers):
            planes = width * 2**stage
            layer = []
            for index in range(blocks):
                stride = 2 if index == 0 and stage > 0 else 1
                out = planes * block.expansion
                shortcut = None
                if stride != 1 or channels != out:
                    shortcut = torch.nn.Sequential(
                        torch.nn.Conv2d(channels, out, 1, stride, bias=False), torch.nn.BatchNorm2d(out)
                    )
                layer.append(block(channels, planes, stride, shortcut, cardinality, baseWidth))
                channels = out
            setattr(self, f"layer{stage + 1}", torch.nn.Sequential(*layer))
        self.fc = torch.nn.Linear(channels, numClasses) if numClasses else torch.nn.Identity()

        self.temperature = temperature
        if temperature is not None:
            self.projection = torch.nn.Sequential(
                torch.nn.Linear(channels, 256), torch.nn.ReLU(inplace=True), torch.nn.Linear(256, 64)
            )

    def loss(self, outputs, targets):
        """Cross-entropy, or SimCLR's loss of views that come in pairs."""
        if self.temperature is None:
            return torch.nn.functional.cross_entropy(outputs, targets)
        unit = torch.nn.functional.normalize(self.projection(outputs).float())
        similarities = unit @ unit.T / self.temperature
        similarities.fill_diagonal_(-1e9)
        return torch.nn.functional.cross_entropy(similarities, torch.arange(len(unit)) ^ 1)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


job = {}


def weights(config, path, temperature=None):
    """Writes seeded random weights."""
    torch.manual_seed(1905)
    torch.save(Network(**config, temperature=temperature).state_dict(), path)


def load(config, form, weights, images, targets, batch, size, threads, temperature=None):
    """Loads one form of a network and one batch."""
    torch.set_num_threads(threads)
    network = Network(**config, temperature=temperature)
    network.load_state_dict(torch.load(weights))
    views = batch if temperature is None else 2 * batch
    data = numpy.fromfile(images, numpy.float32)[: views * 3 * size * size].reshape(views, 3, size, size)
    images = torch.from_numpy(data)
    if form != "nchw":
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    data = numpy.fromfile(targets, numpy.float32)[: batch * config["numClasses"]].reshape(batch, -1)
    decayed = [value for value in network.parameters() if value.dim() > 1]
    others = [value for value in network.parameters() if value.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 1e-4}, {"params": others}]
    network.train()
    job.update(
        network=network,
        forward=torch.compile(network) if form.startswith("compile") else network,
        images=images,
        targets=torch.from_numpy(data),
        optimizer=torch.optim.SGD(groups, 1e-3, momentum=0.9),
        precision=torch.autocast("cpu", torch.bfloat16) if form in ("bfloat16", "compile-bf16") else contextlib.nullcontext(),
    )


def run():
    """Gives the seconds and the loss of one step."""
    start = time.perf_counter()
    job["optimizer"].zero_grad()
    with job["precision"]:
        loss = job["network"].loss(job["forward"](job["images"]), job["targets"])
    loss.backward()
    job["optimizer"].step()
    return {"seconds": time.perf_counter() - start, "loss": loss.item()}


def forms():
    """The forms that this PyTorch has."""
    return ["channels-last", "nchw", "bfloat16"] + (["compile", "compile-bf16"] if hasattr(torch, "compile") else [])


def memory():
    """Gives the highest resident memory until now, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


serve({"weights": weights, "load": load, "run": run, "memory": memory, "forms": forms})
