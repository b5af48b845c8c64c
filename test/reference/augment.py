"""Augmentations by Pillow, torchvision and PyTorch: SHA-256 of each result, as JSON; of a blur its bytes in base64.

usage: augment.py CASES    CASES: JSON list of {"image": [kind, width, height], "op": name, "args": [...]}
"""

import base64
import hashlib
import json
import sys

import numpy as np
import pillow_order  # noqa: F401
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

FILTERS = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC}


def noise(kind, width, height):
    """Bytes of a linear congruential generator seeded by the size; `dim` noise lies within 60 to 187."""
    value = width * 65537 + height
    data = np.empty(width * height * 3, np.uint8)
    for i in range(len(data)):
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        data[i] = value >> 24
    if kind == "dim":
        data = 60 + (data >> 1)
    elif kind == "flat":
        data[:] = 77
    return Image.fromarray(data.reshape(height, width, 3))


def resized_crop(image, left, top, width, height, side, interpolation):
    return F.resized_crop(image, top, left, height, width, [side, side], FILTERS[interpolation])


def padded_crop(image, padding, mode, left, top, side):
    return F.crop(F.pad(image, padding, padding_mode=mode), top, left, side, side)


def adjust(image, *adjustments):
    for name, factor in adjustments:
        image = getattr(F, "adjust_" + name)(image, factor)
    return image


def affine(*matrix):
    def apply(image, argument, interpolation, fill):
        width, height = image.size
        names = {"s": argument, "x": argument * width, "y": argument * height}
        coefficients = [names.get(value, value) for value in matrix]
        filter = Image.Resampling[interpolation.upper()]
        return image.transform(image.size, Image.Transform.AFFINE, coefficients, filter, fillcolor=tuple(fill))

    return apply


def solarize_add(image, amount):
    return image.point([min(255, i + amount) if i < 128 else i for i in range(256)] * 3)


def enhance(kind):
    return lambda image, factor, *_: kind(image).enhance(factor)


# The operations of RandAugment as timm applies them: argument, interpolation and fill.
RAND = {
    "AutoContrast": lambda image, *_: ImageOps.autocontrast(image),
    "Equalize": lambda image, *_: ImageOps.equalize(image),
    "Invert": lambda image, *_: ImageOps.invert(image),
    "Rotate": lambda image, degrees, interpolation, fill: image.rotate(
        degrees, resample=Image.Resampling[interpolation.upper()], fillcolor=tuple(fill)
    ),
    "Posterize": lambda image, bits, *_: ImageOps.posterize(image, bits),
    "Solarize": lambda image, threshold, *_: ImageOps.solarize(image, threshold),
    "SolarizeAdd": lambda image, amount, *_: solarize_add(image, amount),
    "Color": enhance(ImageEnhance.Color),
    "Contrast": enhance(ImageEnhance.Contrast),
    "Brightness": enhance(ImageEnhance.Brightness),
    "Sharpness": enhance(ImageEnhance.Sharpness),
    "ShearX": affine(1, "s", 0, 0, 1, 0),
    "ShearY": affine(1, 0, 0, "s", 1, 0),
    "TranslateXRel": affine(1, 0, "x", 0, 1, 0),
    "TranslateYRel": affine(1, 0, 0, 0, 1, "y"),
}

OPS = {
    "rand": lambda image, name, *arguments: RAND[name](image, *arguments),
    "resizedCrop": resized_crop,
    "paddedCrop": padded_crop,
    "hflip": F.hflip,
    "vflip": F.vflip,
    "adjust": adjust,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "blur": lambda image, kernel_size, sigma: F.gaussian_blur(image, kernel_size, sigma),
}

images = {}
results = []
for case in json.loads(sys.argv[1]):
    key = tuple(case["image"])
    images[key] = images.get(key) or noise(*key)
    result = OPS[case["op"]](images[key], *case["args"])
    if case["op"] == "blur":
        results.append(base64.b64encode(result.tobytes()).decode())
    else:
        results.append(hashlib.sha256(result.tobytes()).hexdigest())
print(json.dumps(results))
