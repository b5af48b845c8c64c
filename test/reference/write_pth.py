"""Writes .pth files of both formats into a folder, and what PyTorch reads from them into expected.json."""

import argparse
import base64
import collections
import datetime
import json
import pathlib
import sys

import numpy
import torch

torch.manual_seed(7)
special = [0.0, -0.0, 1.0, -2.5, 1e-3, 6e-8, -5.9e-8, 6.1e-5, 65504.0, float("inf"), float("-inf"), float("nan")]
tiny = [1e-45, -1.17e-38, 3.4e38, 1e-40]
block = torch.arange(4 * 3 * 5 * 7, dtype=torch.float32).reshape(4, 3, 5, 7)
flat = torch.randn(100)

dtypes = {
    "f32": torch.tensor(special + tiny),
    "f16": torch.tensor(special).half(),
    "bf16": torch.tensor(special + tiny).bfloat16(),
    "f64": torch.tensor(special + tiny + [0.1, 1e300], dtype=torch.float64),
    "i64": torch.tensor([0, -1, 2**24, -(2**40)]),
    "i32": torch.tensor([5, -(2**31)], dtype=torch.int32),
    "i16": torch.tensor([-32768, 12], dtype=torch.int16),
    "i8": torch.tensor([-128, 127], dtype=torch.int8),
    "u8": torch.tensor([0, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False]),
}
strided = {
    "transposed": torch.randn(3, 5).t(),
    "channels_last": block.contiguous(memory_format=torch.channels_last),
    "every_other": flat[3:90:2],
    "inner": block[1:3, :, 2:4, ::3],
    "half": torch.randn(6, 4).half()[:, 1:3],
    "expanded": torch.tensor([[1.5], [2.5]]).expand(2, 4),
    "shared_a": flat[:50],
    "shared_b": flat[25:75].reshape(5, 10),
    "scalar": torch.tensor(3.25),
    "empty": torch.zeros(0, 4),
    "one": torch.randn(1, 6, 1).transpose(0, 2),
}
net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.Flatten(), torch.nn.Linear(8, 4))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
net(torch.randn(2, 3, 3, 3)).sum().backward()
optimizer.step()
weights = net.state_dict()
ema = collections.OrderedDict((key, value * 2) for key, value in weights.items())
training = {
    "epoch": 7,
    "arch": "resnext50_32x4d",
    "version": 2,
    "best": 79.5,
    "metric": None,
    "state_dict": collections.OrderedDict(("module." + key, value) for key, value in weights.items()),
    "state_dict_ema": ema,
    "optimizer": optimizer.state_dict(),
}
cases = {
    "dtypes": (dtypes, dtypes),
    "strided": (strided, strided),
    "module": (weights, weights),
    "training": (training, {"module." + key: value for key, value in weights.items()}),
    "model": ({"model": weights, "epoch": 1}, weights),
    "compiled": ({"_orig_mod.module." + key: value for key, value in weights.items()}, None),
    "parameters": (dict(net.named_parameters()), dict(net.named_parameters())),
    "large": ({"weight": torch.randn(1200, 1000), "bias": torch.randn(1200)}, None),
}


class Settings(dict):
    """A class of the one who saved the file."""


class Recorder:
    __slots__ = ("best",)

    def __init__(self):
        self.best = 1


counts = collections.defaultdict(list, {"a": [1]})
beside = {
    "args": argparse.Namespace(lr=0.1, lists=[[1, 2], {"a": (3,)}]),
    "best_acc1": numpy.float64(80.3),
    "history": numpy.arange(5),
    "when": datetime.datetime(2026, 1, 2),
    "counter": collections.Counter("abca"),
    "counts": counts,
    "settings": Settings(a=1, b=Settings(c=2)),
    "recorder": Recorder(),
    "bytes": bytearray(b"abc"),
    "complex": 1 + 2j,
    "path": pathlib.PurePosixPath("runs/1"),
    "when_done": print,
}
cases["beside"] = ({"state_dict": weights, **beside}, weights)
cases["tutorial"] = ({"epoch": 3, "model_state_dict": weights, "optimizer_state_dict": optimizer.state_dict()}, weights)
cases["only"] = ({"epoch": 3, "backbone_weights": weights, "optim": optimizer.state_dict()}, weights)
cases["deep"] = ({"run": 3, "trial": {"checkpoint": [{"model": weights, "optim": optimizer.state_dict()}]}}, weights)
cases["pair"] = ((weights, optimizer.state_dict()), weights)
several = {"student": weights, "teacher": ema}
refused = {
    "several": several,
    "several_deep": {"nets": [weights, ema]},
    "array": {"state_dict": {"0.weight": numpy.zeros(3)}},
    "network": net,
    "sparse": {"a": torch.eye(3).to_sparse()},
    "quantised": {"a": torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.qint8)},
    "complex": {"a": torch.complex(torch.randn(3), torch.randn(3))},
    "list": [torch.randn(2)],
    "no_tensors": {"epoch": 3},
}


def described(tensor):
    tensor = tensor.detach().contiguous()
    halves = tensor.dtype in (torch.float16, torch.bfloat16)
    raw = (tensor.view(torch.int16) if halves else tensor).numpy().tobytes()
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "dims": list(tensor.shape),
        "bytes": base64.b64encode(raw).decode(),
        "float32": base64.b64encode(tensor.float().numpy().tobytes()).decode(),
    }


folder = pathlib.Path(sys.argv[1])
formats = {
    "legacy": {"_use_new_zipfile_serialization": False},
    "zip": {},
    "protocol4": {"pickle_protocol": 4},
    "legacy-protocol4": {"pickle_protocol": 4, "_use_new_zipfile_serialization": False},
}
expected = {}
for name, (value, tensors) in cases.items():
    expected[name] = {key: described(tensor) for key, tensor in (tensors or value).items()}
    for form, options in formats.items():
        torch.save(value, folder / f"{name}.{form}.pth", **options)
torch.save(several, folder / "several.pth")
for name, value in refused.items():
    for form in ("legacy", "zip"):
        torch.save(value, folder / f"refused-{name}.{form}.pth", **formats[form])
(folder / "expected.json").write_text(json.dumps(expected))
