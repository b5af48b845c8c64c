"""Models as timm, torch and transformers save them into a folder, and what they make of one picture."""

import argparse
import json
import sys
from pathlib import Path

import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config
from timm.models import save_for_hf

folder = Path(sys.argv[1])
torch.manual_seed(0)


def picture():
    """A picture with edges and colours, which a wrong resize or crop changes."""
    image = Image.effect_mandelbrot((331, 260), (-1.5, -1, 0.7, 1), 90).convert("RGB")
    red, green, blue = image.split()
    return Image.merge("RGB", (red, green.rotate(90), Image.effect_noise((331, 260), 80)))


image = picture()
image.save(folder / "picture.png")
answers = {}


def randomise(model):
    """Statistics as of a trained network: the logits of a fresh one hardly depend on the picture."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
    return model.eval()


def answer(name, model, config):
    mode = "L" if config["input_size"][0] == 1 else "RGB"
    transform = create_transform(**config, is_training=False)
    with torch.no_grad():
        logits = model(transform(image.convert(mode))[None])
    answers[name] = {
        "logits": logits[0].tolist(),
        "inputSize": config["input_size"][-1],
        "cropPct": config["crop_pct"],
        "interpolation": config["interpolation"],
        "mean": list(config["mean"]),
        "std": list(config["std"]),
    }


def evaluation(model):
    return resolve_model_data_config(model, use_test_size=True)


def saved(name, model, **model_config):
    """As `timm.models.save_for_hf` leaves it."""
    save_for_hf(model, folder / name, model_config=model_config, safe_serialization=True)
    loaded = timm.create_model(f"local-dir:{folder / name}", pretrained=True).eval()
    answer(name, loaded, evaluation(loaded))
    return folder / name / "config.json"


fruit = ["apple", "pear", "plum"]
small = randomise(timm.create_model("resnet18", num_classes=3))
config_path = saved("list", small, label_names=fruit)
saved("dictionary", small, label_names={"0": "n1", "2": "n3"}, label_descriptions={"n1": "an apple", "n3": "a plum"})
saved(
    "described",
    small,
    label_names=["n1", "n2", "n3"],
    label_descriptions={"n1": "apple", "n2": "pear", "n3": "plum"},
)
config = json.loads(config_path.read_text())

# The form before `pretrained_cfg`: everything at the root.
flat = folder / "flat"
flat.mkdir()
torch.save(small.state_dict(), flat / "pytorch_model.bin")
(flat / "config.json").write_text(
    json.dumps(
        {
            "architecture": "resnet18",
            "num_classes": 3,
            "num_features": 512,
            "labels": fruit,
            "input_size": [3, 160, 160],
            "crop_pct": 0.9,
            "interpolation": "bilinear",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "first_conv": "conv1",
            "classifier": "fc",
        }
    )
)
answer(
    "flat",
    small,
    {
        "input_size": (3, 160, 160),
        "interpolation": "bilinear",
        "mean": (0.5,) * 3,
        "std": (0.25,) * 3,
        "crop_pct": 0.9,
        "crop_mode": "center",
    },
)

dilated = randomise(timm.create_model("resnet18", num_classes=3, output_stride=8))
saved("dilated", dilated)
saved("grey", randomise(timm.create_model("resnet18", num_classes=3, in_chans=1)))
saved("maximum", randomise(timm.create_model("resnet18", num_classes=3, global_pool="max")))

# As timm's train.py saves: a Namespace beside the weights, and nothing of the images but what it says.
arguments = argparse.Namespace(
    model="resnet18",
    num_classes=3,
    img_size=192,
    input_size=None,
    crop_pct=None,
    mean=None,
    std=[0.3, 0.3, 0.3],
    interpolation="",
    in_chans=None,
    bn_eps=None,
    gp=None,
    lr=0.1,
    amp=True,
)
checkpoint = {"epoch": 3, "arch": "resnet18", "state_dict": small.state_dict(), "version": 2, "args": arguments}
torch.save({**checkpoint, "metric": 71.5}, folder / "train.pth.tar")
answer("train", small, timm.data.resolve_data_config(vars(arguments), model=small))
arguments.bn_eps = 1e-3
torch.save(checkpoint, folder / "eps.pth.tar")

# As torchvision's reference script.
reference = argparse.Namespace(
    model="resnet18", val_crop_size=200, val_resize_size=232, interpolation="bicubic", weights=None
)
torch.save({"model": small.state_dict(), "epoch": 1, "args": reference}, folder / "torchvision.pth")
answer(
    "torchvision",
    small,
    {
        "input_size": (3, 200, 200),
        "interpolation": "bicubic",
        "mean": timm.data.IMAGENET_DEFAULT_MEAN,
        "std": timm.data.IMAGENET_DEFAULT_STD,
        "crop_pct": 200 / 232,
        "crop_mode": "center",
    },
)

# Architectures of timm's that leave no trace in their weights, and some that do.
for architecture in ["resnetblur18", "seresnet18", "resnet18d", "ecaresnet26t", "resnet50_gn"]:
    model = timm.create_model(architecture, num_classes=3)
    torch.save({"arch": architecture, "state_dict": model.state_dict()}, folder / f"{architecture}.pth")

# What transformers' wrapper and torch's averages put around a model.
state = small.state_dict()
torch.save({f"timm_model.{name}": tensor for name, tensor in state.items()}, folder / "wrapped.pth")
outside = {f"timm_model.{name}": tensor for name, tensor in state.items() if not name.startswith("fc.")}
outside.update({f"classifier.{name[3:]}": tensor for name, tensor in state.items() if name.startswith("fc.")})
torch.save(outside, folder / "outside.pth")
torch.save(torch.optim.swa_utils.AveragedModel(small).state_dict(), folder / "averaged.pth")

# What is no state dict.
torch.save(small, folder / "pickled.pth")
torch.jit.script(small).save(folder / "script.pt")
torch.export.save(torch.export.export(small, (torch.randn(1, 3, 64, 64),)), folder / "program.pt2")

json.dump({"answers": answers, "config": config, "timm": timm.__version__}, sys.stdout)
