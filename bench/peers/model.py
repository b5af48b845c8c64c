"""Runs the network alone on one batch of made-up images."""

import time

import numpy
import torch

from networks import build, forms, versions
from peer import serve

loaded = {}


def load(weights, onnx, form, images, batch, threads):
    """Loads one form of the network for one batch of float32 images from a file; gives its logits."""
    torch.set_num_threads(threads)
    data = numpy.fromfile(images, dtype=numpy.float32).reshape(-1, 3, 224, 224)
    example = torch.from_numpy(data[:batch].copy())
    network, prepare = build(weights, form, example, threads, onnx)
    loaded[form, batch] = network, prepare(example)
    with torch.inference_mode():
        return network(prepare(example)).flatten().tolist()


def run(form, batch, repeats, untimed=0):
    """Gives the seconds of one pass; so many before are not timed."""
    network, images = loaded[form, batch]
    with torch.inference_mode():
        for _ in range(untimed):
            network(images)
        start = time.perf_counter()
        for _ in range(repeats):
            network(images)
        return (time.perf_counter() - start) / repeats


serve({"load": load, "run": run, "forms": forms, "versions": versions})
