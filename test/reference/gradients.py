"""Gradients of torchvision's ResNeXt-50 32x4d on one batch, in float32 and float64.

gradients.py JOB reads JOB.json: {seed, batch, size} and writes JOB.json/.bin with `weights/NAME`, `images`, `targets`,
`float32/NAME` and `float64/NAME`; the last are rounded to float32, which changes them by 6e-8 at most.
"""

import json
import sys

import torch
import torchvision

from tensor_files import write_tensors

path = sys.argv[1]
with open(path + ".json") as stream:
    job = json.load(stream)
torch.manual_seed(job["seed"])
model = torchvision.models.resnext50_32x4d().train()
results = {f"weights/{name}": value.clone() for name, value in model.state_dict().items()}
images = torch.randn(job["batch"], 3, job["size"], job["size"])
targets = torch.softmax(3 * torch.randn(job["batch"], 1000), 1)
results.update(images=images, targets=targets)
for name, dtype in {"float32": torch.float32, "float64": torch.float64}.items():
    model.to(dtype)
    model.zero_grad(set_to_none=True)
    torch.nn.functional.cross_entropy(model(images.to(dtype)), targets.to(dtype)).backward()
    for parameter, value in model.named_parameters():
        results[f"{name}/{parameter}"] = value.grad.float().clone()
write_tensors(path, {name: value for name, value in results.items() if "num_batches_tracked" not in name})
