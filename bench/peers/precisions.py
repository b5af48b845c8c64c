"""Runs the network alone in the forms and precisions of today: torch.compile, and OpenVINO with NNCF's 8 bits."""

import time

import numpy
import torch

from networks import channels_last, resnext50
from peer import serve

loaded = {}


def compiled(weights, dtype, example):
    """torch.compile with constant weights."""
    import torch._inductor.config

    torch._inductor.config.freezing = True
    network = resnext50(weights).to(memory_format=torch.channels_last)
    fast = torch.compile(network)

    def run(images):
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            return fast(images)

    return run, channels_last(example)


def openvino_model(onnx, precision, images):
    """OpenVINO on PyTorch's export, for one batch size."""
    import openvino

    core = openvino.Core()
    model = core.read_model(onnx)
    model.reshape([len(images), 3, 224, 224])
    if precision == "int8":
        import nncf

        rows = [images[i : i + 1] for i in range(len(images))]
        model.reshape([1, 3, 224, 224])
        model = nncf.quantize(model, nncf.Dataset(rows), subset_size=len(rows))
        model.reshape([len(images), 3, 224, 224])
    hint = "bf16" if precision == "bf16" else "f32"
    request = core.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    ).create_infer_request()
    return lambda batch: torch.from_numpy(request.infer({0: batch})[0]), images


def load(form, weights, onnx, images, batch, threads):
    """Loads one form for one batch of float32 images from a file; gives its logits."""
    torch.set_num_threads(threads)
    data = numpy.fromfile(images, dtype=numpy.float32).reshape(-1, 3, 224, 224)[:batch].copy()
    kind, precision = form.split(" ")
    if kind == "compile":
        run, given = compiled(weights, precision, torch.from_numpy(data))
    else:
        run, given = openvino_model(onnx, precision, data)
    loaded[form, batch] = run, given
    return run(given).float().flatten().tolist()


def run(form, batch, repeats):
    """Gives the seconds of one pass."""
    network, images = loaded[form, batch]
    start = time.perf_counter()
    for _ in range(repeats):
        network(images)
    return (time.perf_counter() - start) / repeats


def versions():
    """The versions of what is measured."""
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("torch", "openvino", "nncf"))


serve({"load": load, "run": run, "versions": versions})
