"""Grad-CAM of a torchvision ResNeXt by autograd.

grad_cam.py JOB reads JOB.json: {seed, layers, groups, width_per_group, classes, batch, size} and writes JOB.json/.bin
with `state/NAME`, `images`, `logits`, and `map/LAYER/CLASS`: the map of the predicted class of each image
(CLASS `predicted`), and of the classes 0 and 1, at each LAYER.
"""

import json
import sys

import torch
from torchvision.models.resnet import Bottleneck, ResNet

from tensor_files import write_tensors

path = sys.argv[1]
with open(path + ".json") as stream:
    job = json.load(stream)
torch.manual_seed(job["seed"])
torch.set_num_threads(1)

model = ResNet(
    Bottleneck,
    job["layers"],
    num_classes=job["classes"],
    groups=job["groups"],
    width_per_group=job["width_per_group"],
)
images = torch.randn(job["batch"], 3, job["size"], job["size"])
for module in model.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        torch.nn.init.uniform_(module.bias, -0.3, 0.3)
        module.momentum = None  # cumulative average
with torch.no_grad():
    model.train()(images)
model.eval()

taps = {"stem": model.relu, **{f"layer{i}": getattr(model, f"layer{i}") for i in range(1, 5)}}
kept = {}
for name, module in taps.items():
    module.register_forward_hook(lambda _, __, output, name=name: kept.__setitem__(name, output))
logits = model(images)

results = {f"state/{name}": value for name, value in model.state_dict().items()}
results.update(images=images, logits=logits)
for asked in ["predicted", 0, 1]:
    classes = logits.argmax(1) if asked == "predicted" else torch.full((job["batch"],), asked)
    score = logits.gather(1, classes[:, None]).sum()
    for name, features in kept.items():
        (gradient,) = torch.autograd.grad(score, features, retain_graph=True)
        weights = gradient.mean((2, 3), keepdim=True)
        results[f"map/{name}/{asked}"] = torch.relu((weights * features).sum(1))
write_tensors(path, {name: value for name, value in results.items() if "num_batches_tracked" not in name})
