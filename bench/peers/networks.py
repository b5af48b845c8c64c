"""ResNeXt-50 32x4d in the forms in which Python users run it."""

import os

import numpy
import torch
import torchvision

MEAN = [0.485, 0.456, 0.406]
DEVIATION = [0.229, 0.224, 0.225]


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


def compiled(network, bfloat16):
    """torch.compile with constant weights."""
    import torch._inductor.config

    torch._inductor.config.freezing = True
    fast = torch.compile(network.to(memory_format=torch.channels_last), dynamic=False)

    def run(images):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
            return fast(images).float()

    return run


class OpenVino:
    """OpenVINO on PyTorch's export for one batch size: floats as PyTorch takes them, or bytes with the normalisation inside."""

    def __init__(self, onnx, precision, batch, threads, samples=None):
        import openvino

        core = openvino.Core()
        model = core.read_model(quantised(core, onnx, samples) if precision == "int8" else onnx)
        if samples is not None:
            model = self.of_bytes(model)
        model.reshape([batch, *list(model.inputs[0].partial_shape)[1:]])
        hints = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            # Processes of one thread each would be pinned to the same core.
            "ENABLE_CPU_PINNING": threads > 1,
        }
        self.batch = batch
        self.request = core.compile_model(model, "CPU", hints).create_infer_request()

    @staticmethod
    def of_bytes(model):
        from openvino import Layout, Type
        from openvino.preprocess import PrePostProcessor

        steps = PrePostProcessor(model)
        steps.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
        steps.input().model().set_layout(Layout("NCHW"))
        scaled = steps.input().preprocess().convert_element_type(Type.f32)
        scaled.mean([255 * value for value in MEAN]).scale([255 * value for value in DEVIATION])
        return steps.build()

    def __call__(self, images):
        return self.start(images)()

    def start(self, images):
        """Begins a pass; what is given waits for its logits."""
        given = images.numpy()
        if len(given) < self.batch:
            given = numpy.concatenate([given, numpy.zeros((self.batch - len(given), *given.shape[1:]), given.dtype)])
        self.request.start_async({0: given}, share_inputs=True)

        def finish():
            self.request.wait()
            return torch.from_numpy(self.request.get_output_tensor(0).data[: len(images)].copy())

        return finish


def quantised(core, onnx, samples):
    """The network in NNCF's 8 bits, calibrated on normalised images; made once for each version."""
    import nncf
    import openvino

    path = f"{os.path.splitext(onnx)[0]}.nncf-{nncf.__version__}-{openvino.__version__.split('-')[0]}.xml"
    if not os.path.exists(path):
        if samples is None:
            rows = [numpy.random.default_rng(7).standard_normal((1, 3, 224, 224), numpy.float32) for _ in range(8)]
        else:
            rows = [normalised(image)[None] for image in samples]
        model = core.read_model(onnx)
        model.reshape([1, 3, 224, 224])
        model = nncf.quantize(model, nncf.Dataset(rows), subset_size=len(rows))
        model.reshape([-1, 3, 224, 224])
        openvino.save_model(model, path, compress_to_fp16=False)
    return path


def normalised(image):
    """An image of bytes in rows as the network takes it."""
    values = (numpy.asarray(image, numpy.float32) / 255 - MEAN) / DEVIATION
    return values.astype(numpy.float32).transpose(2, 0, 1)


def is_openvino(form):
    return form.startswith("openvino")


def build(weights, form, example, threads, onnx=None, samples=None):
    """Gives the network in one form and what its input has to pass through. `samples`: OpenVINO takes bytes, as these images are."""
    if is_openvino(form):
        precision = form.partition("-")[2]
        return OpenVino(onnx, precision, len(example), threads, samples), lambda images: images
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
    if form in ("compile", "compile-bf16"):
        return compiled(network, form == "compile-bf16"), channels_last
    raise ValueError(f"unknown form {form!r}")


def forms():
    """The forms that this interpreter has."""
    from importlib.util import find_spec

    found = ["channels-last", "nchw"]
    if hasattr(torch.jit, "optimize_for_inference"):
        found += ["jit", "jit-channels-last"]
    if hasattr(torch, "compile"):
        found += ["compile", "compile-bf16"]
    if find_spec("openvino"):
        found += ["openvino", "openvino-bf16"]
        if find_spec("nncf"):
            found += ["openvino-int8"]
    return found


def versions():
    """The versions of what is measured."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("torch", "torchvision", "pillow", "openvino", "nncf"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            pass
    return ", ".join(found)
