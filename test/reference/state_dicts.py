"""Prints the names and shapes of torchvision's state dicts as JSON; also stems adapted to other channels.

state_dicts.py STEM: STEM.json/.bin get a random RGB filter and, by timm's rule, its forms for 1, 2, 4 and 7 channels.
"""

import json
import math
import sys

import torch
import torchvision.models as models
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from tensor_files import write_tensors


def adapt(weight, channels):
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    tiled = weight.repeat(1, math.ceil(channels / 3), 1, 1)[:, :channels]
    return tiled * (3 / channels)


stem = torch.randn(8, 3, 7, 7, generator=torch.Generator().manual_seed(3))
write_tensors(sys.argv[1], {"3": stem, **{str(n): adapt(stem, n) for n in (1, 2, 4, 7)}})

built = {
    "resnet18": models.resnet18(),
    "resnet34": models.resnet34(),
    "resnet50": models.resnet50(),
    "resnext50_32x4d": models.resnext50_32x4d(),
    "resnext101_32x8d": models.resnext101_32x8d(),
    "resnext101_32x4d": ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=4),
    "resnext101_32x16d": ResNet(Bottleneck, [3, 4, 23, 3], groups=32, width_per_group=16),
    "wide_resnet50_2": models.wide_resnet50_2(),
    "resnext 8x14d, 10 classes": ResNet(Bottleneck, [1, 2, 1, 1], 10, groups=8, width_per_group=14),
}
shapes = {
    name: [[key, list(value.shape)] for key, value in model.state_dict().items()] for name, model in built.items()
}
print(json.dumps(shapes))
