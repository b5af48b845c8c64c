"""ResNeXt-50 32x4d in the forms in which PyTorch users run it."""

import torch
import torchvision


def resnext50(weights):
    network = torchvision.models.resnext50_32x4d()
    network.load_state_dict(torch.load(weights))
    return network.eval()


def channels_last(tensor):
    return tensor.contiguous(memory_format=torch.channels_last)


def optimized(network, example):
    """Traced, frozen and handed to oneDNN: the fastest form for inference in PyTorch 1.13."""
    with torch.inference_mode():
        # The check would take ten seconds; the benchmarks compare the answers themselves.
        traced = torch.jit.freeze(torch.jit.trace(network, example, check_trace=False))
        return torch.jit.optimize_for_inference(traced)


def build(weights, form, example):
    """Gives the network in one form and what its input has to pass through."""
    network = resnext50(weights)
    if form == "nchw":
        return network, lambda images: images
    if form == "channels-last":
        return network.to(memory_format=torch.channels_last), channels_last
    if form == "jit":
        return optimized(network, example), lambda images: images
    if form == "jit-channels-last":
        network = network.to(memory_format=torch.channels_last)
        return optimized(network, channels_last(example)), channels_last
    raise ValueError(f"unknown form {form!r}")
