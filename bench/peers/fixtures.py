"""Writes seeded random weights as .pth in both formats, and the same network as PyTorch exports it to ONNX."""

import os
import sys

import torch
import torchvision


def calibrated(network):
    """Takes the running statistics from smooth noise, so that activations keep their scale through all layers."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        for _ in range(4):
            noise = torch.randn(8, 3, 28, 28)
            network.train()(torch.nn.functional.interpolate(noise, size=224, mode="bilinear"))
    return network.eval()


def write(path, save):
    save(path + ".part")
    os.replace(path + ".part", path)


folder = sys.argv[1]
torch.manual_seed(1905)
network = calibrated(torchvision.models.resnext50_32x4d())
state = network.state_dict()
write(
    os.path.join(folder, "resnext50_32x4d.legacy.pth"),
    lambda path: torch.save(state, path, _use_new_zipfile_serialization=False),
)
write(os.path.join(folder, "resnext50_32x4d.pth"), lambda path: torch.save(state, path))


def export(path):
    """PyTorch's export: by torch.export where that is what it does, by tracing before."""
    names = {"input_names": ["images"], "output_names": ["logits"]}
    if int(torch.__version__.split(".")[0]) < 2:
        axes = {"images": {0: "N"}, "logits": {0: "N"}}
        torch.onnx.export(network, torch.zeros(1, 3, 224, 224), path, dynamic_axes=axes, opset_version=16, **names)
        return
    # An example of one image would make a graph for one image.
    batch = torch.export.Dim("N")
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, 224, 224),),
        path,
        dynamo=True,
        external_data=False,
        dynamic_shapes=({0: batch},),
        **names,
    )


write(os.path.join(folder, "resnext50_32x4d.onnx"), export)
