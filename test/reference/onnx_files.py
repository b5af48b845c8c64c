"""ONNX models of other architectures as other tools export them, and what they make of one picture."""

import json
import sys
from pathlib import Path

import onnx
import onnxruntime
import timm
import torch
from PIL import Image
from timm.data import create_transform
from timm.models import save_for_hf

folder = Path(sys.argv[1])
torch.manual_seed(1)

image = Image.effect_mandelbrot((331, 260), (-1.5, -1, 0.7, 1), 90).convert("RGB")
red, green, blue = image.split()
image = Image.merge("RGB", (red, green.rotate(90), Image.effect_noise((331, 260), 80)))
image.save(folder / "picture.png")
answers = {}


class Both(torch.nn.Module):
    """The embedding beside the logits."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        features = self.model.forward_head(self.model.forward_features(images), pre_logits=True)
        return features, self.model.get_classifier()(features)


class Softmax(torch.nn.Module):
    """Probabilities in place of logits."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(images).softmax(1).flatten(1)


def export(name, model, side, batch=None, channels=3, outputs=("output",), inputs="x"):
    path = folder / f"{name}.onnx"
    path.parent.mkdir(exist_ok=True)
    dynamic = None if batch else {value: {0: "batch"} for value in (inputs, *outputs)}
    torch.onnx.export(
        model,
        torch.randn(batch or 2, channels, side, side),
        path,
        input_names=[inputs],
        output_names=list(outputs),
        dynamic_axes=dynamic,
        dynamo=False,
    )
    return path


def answer(name, path, config, output=-1, batch=1):
    mode = "L" if config["input_size"][0] == 1 else "RGB"
    pixels = create_transform(**config, is_training=False)(image.convert(mode))[None].numpy().repeat(batch, 0)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    result = session.run(None, {session.get_inputs()[0].name: pixels})
    answers[name] = [float(value) for value in result[output][0].reshape(-1)]


usual = {
    "input_size": (3, 224, 224),
    "interpolation": "bilinear",
    "mean": timm.data.IMAGENET_DEFAULT_MEAN,
    "std": timm.data.IMAGENET_DEFAULT_STD,
    "crop_pct": 0.875,
    "crop_mode": "center",
}
half = {**usual, "input_size": (3, 96, 96), "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 0.9}

model = timm.create_model("mobilenetv3_small_050", num_classes=3).eval()
plain = export("plain", model, 224)
answer("plain", plain, usual)
answer("flags", plain, {**usual, "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 0.9, "interpolation": "bicubic"})
answer("four", export("four", model, 224, batch=4), usual, batch=4)

# As on the hub, with timm's description beside it.
described = folder / "described"
described.mkdir()
save_for_hf(
    model,
    described,
    model_config={"label_names": ["apple", "pear", "plum"]},
    data_config={"input_size": (3, 96, 96), "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 0.9},
    safe_serialization=True,
)
(described / "model.safetensors").unlink()
answer("described", export("described/model", model, 96), {**half, "interpolation": "bicubic"})

answer("softmax", export("softmax", Softmax(model), 96), {**half, **{"mean": usual["mean"], "std": usual["std"], "crop_pct": 0.875}})
both = export("both", Both(model), 224, outputs=("features", "scores"))
answer("both", both, usual)
answer("features", both, usual, output=0)
named = export("named", Both(model), 224, outputs=("hidden", "logits"))
answer("hidden", named, usual, output=0)
export("unclear", Both(model), 224, outputs=("one", "two"))

grey = timm.create_model("mobilenetv3_small_050", num_classes=3, in_chans=1).eval()
answer(
    "grey",
    export("grey", grey, 224, channels=1),
    {**usual, "input_size": (1, 224, 224), "mean": (0.449,), "std": (0.226,)},
)

# As ultralytics exports a classifier.
path = export("ultralytics", Softmax(model), 64, batch=1, outputs=("output0",), inputs="images")
written = onnx.load(path)
for key, value in {"task": "classify", "imgsz": "[64, 64]", "names": "{0: 'it\\'s a', 1: 'b', 2: 'c'}"}.items():
    entry = written.metadata_props.add()
    entry.key, entry.value = key, value
onnx.save(written, path)
answer(
    "ultralytics",
    path,
    {**usual, "input_size": (3, 64, 64), "mean": (0.0,) * 3, "std": (1.0,) * 3, "crop_pct": 1.0},
)


class Last(torch.nn.Module):
    """Channels last, as TensorFlow has them."""

    def forward(self, images):
        return images.mean((1, 2))


class Detector(torch.nn.Module):
    """No classifier: boxes."""

    def forward(self, images):
        return images.flatten(2).transpose(1, 2)


torch.onnx.export(Last(), torch.randn(1, 64, 64, 3), folder / "last.onnx", dynamo=False)
torch.onnx.export(Detector(), torch.randn(1, 3, 64, 64), folder / "detector.onnx", dynamo=False)
torch.onnx.export(torch.nn.Sigmoid().eval(), torch.randn(1, 3, 8, 8), folder / "map.onnx", dynamo=False)

json.dump(answers, sys.stdout)
