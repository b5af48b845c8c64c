"""ResNets and ResNeXts with seeded weights and batch statistics of real images, and what they make of images.

resnet.py JOB... reads each JOB.json: {seed, block, layers, groups, width_per_group, stem, dilate, images, size, probe,
weights, float64}. It builds torchvision's model (with a 3x3 stem and no pool if `stem` is "cifar"), varies the weights
of its batch normalisations and takes their running statistics from `images`: a list of files, or a number of images to
make, reduced to `size`. It writes JOB-legacy.pth and JOB-zip.pth if `weights` says so, and JOB-outputs.json/.bin for
the first `probe` images, and of the first one in float64 if `float64` is true.
"""

import json
import sys

import torch
from PIL import Image
from torchvision import transforms
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from tensor_files import write_tensors

torch.set_grad_enabled(False)
torch.set_num_threads(2)


def load_images(images):
    if isinstance(images, int):
        # Smooth noise of different colours and scales.
        noise = [torch.randn(1, 3, 2 + i % 7, 2 + i % 5) for i in range(images)]
        return torch.cat([torch.nn.functional.interpolate(each, (224, 224), mode="bicubic") for each in noise])
    transform = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    return torch.stack([transform(Image.open(path).convert("RGB")) for path in images])


def build(job):
    options = {}
    if job.get("dilate"):
        options["replace_stride_with_dilation"] = job["dilate"]
    block = {"basic": BasicBlock, "bottleneck": Bottleneck}[job["block"]]
    model = ResNet(block, job["layers"], groups=job["groups"], width_per_group=job["width_per_group"], **options)
    if job["stem"] == "cifar":
        model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
        model.maxpool = torch.nn.Identity()
    return model


def calibrate(model, images):
    norms = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    last = "bn2" if isinstance(model.layer1[0], BasicBlock) else "bn3"
    for name, norm in norms.items():
        # Residual branches of trained networks are weaker than their shortcuts. At equal strength every block
        # amplifies rounding errors: PyTorch float32 is then 2e-4 off its own float64 after 23 blocks (measured).
        is_last = name.startswith("layer") and name.endswith(last)
        norm.weight.uniform_(*((0.2, 0.6) if is_last else (0.5, 1.5)))
        norm.bias.uniform_(-0.3, 0.3)
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    model.train()
    for batch in images.split(4):
        model(batch)
    model.eval()


def outputs(model, images):
    x = model.relu(model.bn1(model.conv1(images)))
    results = {"stem": x}
    x = model.maxpool(x)
    for index in range(1, 5):
        x = getattr(model, f"layer{index}")(x)
        results[f"layer{index}"] = x
    results["embedding"] = model.avgpool(x).flatten(1)
    results["logits"] = model.fc(results["embedding"])
    return results


def run(path):
    with open(path + ".json") as stream:
        job = json.load(stream)
    torch.manual_seed(job["seed"])
    images = load_images(job["images"])
    if "size" in job:
        images = torch.nn.functional.interpolate(images, (job["size"], job["size"]), mode="area")
    model = build(job)
    calibrate(model, images)
    if "weights" in job:
        state = model.state_dict()
        if job["weights"] == "as of 2019":
            state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
        torch.save(state, path + "-legacy.pth", _use_new_zipfile_serialization=False)
        torch.save(state, path + "-zip.pth")
    probe = images[: job["probe"]]
    results = {"images": probe, **outputs(model, probe)}
    if job.get("float64"):
        exact = outputs(model.double(), probe[:1].double())
        results.update({f"{name}/float64": value for name, value in exact.items()})
    write_tensors(path + "-outputs", results)


for path in sys.argv[1:]:
    run(path)
