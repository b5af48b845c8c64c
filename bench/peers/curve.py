"""Trains a torchvision ResNeXt with CIFAR's stem on class folders; gives the accuracy after each epoch."""

import math

import numpy
import torch
from torch import nn
from torchvision import datasets
from torchvision.models.resnet import Bottleneck

from peer import serve


class Net(nn.Module):
    """torchvision's bottlenecks behind a 3x3 stem, initialised as torchvision does with zero_init_residual."""

    def __init__(self, layers, width, cardinality, base_width, classes):
        super().__init__()
        channels = width
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        stages = []
        for stage, blocks in enumerate(layers):
            planes = width * 2**stage
            for index in range(blocks):
                stride = 2 if stage > 0 and index == 0 else 1
                shortcut = None
                if stride != 1 or channels != planes * 4:
                    shortcut = nn.Sequential(
                        nn.Conv2d(channels, planes * 4, 1, stride, bias=False), nn.BatchNorm2d(planes * 4)
                    )
                stages.append(Bottleneck(channels, planes, stride, shortcut, cardinality, base_width))
                channels = planes * 4
        self.stages = nn.Sequential(*stages)
        self.fc = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, Bottleneck):
                nn.init.zeros_(module.bn3.weight)

    def forward(self, x):
        return self.fc(self.stages(self.stem(x)).mean((2, 3)))


def pixels(folder, mean, std):
    """All images of a folder of class folders, normalised: [N, 3, H, W]; and their classes."""
    images = datasets.ImageFolder(folder)
    stacked = numpy.stack([numpy.asarray(image) for image, _ in images])
    scaled = torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)
    statistics = [torch.tensor(values).reshape(3, 1, 1) for values in (mean, std)]
    return scaled.sub_(statistics[0]).div_(statistics[1]), torch.tensor(images.targets)


def augmented(images, black, generator):
    """Pads by 4 black pixels, cuts at random and flips at random."""
    count, _, height, width = images.shape
    padded = black.reshape(1, 3, 1, 1).repeat(count, 1, height + 8, width + 8)
    padded[:, :, 4:-4, 4:-4] = images
    tops, lefts = torch.randint(9, (2, count), generator=generator).tolist()
    flips = torch.rand(count, generator=generator).lt(0.5).tolist()
    crops = [
        image[:, top : top + height, left : left + width]
        for image, top, left in zip(padded, tops, lefts)
    ]
    return torch.stack([crop.flip(2) if flip else crop for crop, flip in zip(crops, flips)])


def train(folder, validation, mean, std, network, epochs, batch, rate, seed, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    images, classes = pixels(folder, mean, std)
    seen, truth = pixels(validation, mean, std)
    black = -torch.tensor(mean) / torch.tensor(std)
    model = Net(**network).to(memory_format=torch.channels_last)
    decays = lambda parameter: parameter.dim() > 1
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in model.parameters() if decays(p)], "weight_decay": 1e-4},
            {"params": [p for p in model.parameters() if not decays(p)], "weight_decay": 0},
        ],
        lr=rate,
        momentum=0.9,
    )
    steps = len(images) // batch
    curve = []
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(images), generator=generator)
        losses = []
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            progress = (epoch * steps + step) / (epochs * steps)
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 + math.cos(math.pi * progress)) / 2
            inputs = augmented(images[chosen], black, generator).to(memory_format=torch.channels_last)
            loss = nn.functional.cross_entropy(model(inputs), classes[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            found = torch.cat([model(part).argmax(1) for part in seen.split(500)])
        top1 = 100 * found.eq(truth).float().mean().item()
        curve.append({"trainLoss": sum(losses) / steps, "top1": top1})
    return curve


serve({"train": train})
