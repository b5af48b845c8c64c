"""timm's ResNets: what each needs besides the plain layers, and how its images are prepared."""

import json
import sys

import timm
import torch
from timm.models import get_pretrained_cfg
from timm.models._registry import _model_default_cfgs, _module_to_models
from timm.models.resnet import Bottleneck, ResNet
from timm.layers import EcaModule, GroupNorm, SEModule


def recipe(cfg):
    def preprocessing(size, crop_pct):
        return {
            "inputSize": size[-1],
            "cropPct": crop_pct,
            "interpolation": cfg.interpolation,
            "mean": list(cfg.mean),
            "std": list(cfg.std),
        }

    return {
        "training": preprocessing(cfg.input_size, cfg.crop_pct),
        "evaluation": preprocessing(cfg.test_input_size or cfg.input_size, cfg.test_crop_pct or cfg.crop_pct),
        "licence": cfg.license,
    }


def needs(name):
    """Read off the modules that timm builds."""
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=1)
    assert isinstance(model, ResNet)
    kinds = [type(module).__name__ for module in model.modules()]
    downsamples = [module.downsample for module in model.modules() if getattr(module, "downsample", None) is not None]
    found = {
        "squeeze-excitation": any(isinstance(module, SEModule) for module in model.modules()),
        "efficient channel attention": any(isinstance(module, EcaModule) for module in model.modules()),
        "a deep stem": not hasattr(model.conv1, "kernel_size"),
        "average-pool downsampling": any(type(layers[0]).__name__ in ("AvgPool2d", "AvgPool2dSame", "Identity") for layers in downsamples),
        "3x3 downsampling": any(getattr(layers[0], "kernel_size", (1, 1)) == (3, 3) for layers in downsamples),
        "stages of different blocks": name == "test_resnet",
        "anti-aliased downsampling": any(not isinstance(getattr(module, "aa", None), (type(None), torch.nn.Identity)) for module in model.modules()),
        "group normalisation": any(isinstance(module, GroupNorm) for module in model.modules()),
    }
    return [need for need, there in found.items() if there]


table = {}
for name in sorted(_module_to_models["resnet"]):
    if name not in _model_default_cfgs:
        continue
    table[name] = {
        "needs": needs(name),
        "recipes": {
            **{f"{name}.{tag}": recipe(cfg) for tag, cfg in _model_default_cfgs[name].cfgs.items()},
            name: recipe(get_pretrained_cfg(name)),
        },
    }
json.dump(table, sys.stdout)
