"""Evaluation crops by Pillow and torchvision, as JSON.

usage: crops.py                > test/image/golden/crops.json    crops of made images
       crops.py FOLDER                                           crops of the photographs in a folder

Each case: rgb and crop (SHA-256 of the decoded bytes and of the crop's) and tensor (SHA-256 of the float32
values after ToTensor and Normalize), for one image and one preprocessing.
"""

import hashlib
import json
import math
import os
import sys

import numpy as np
import PIL
import pillow_order  # noqa: F401
import torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
SIZES = [
    (1, 1), (1, 400), (400, 1), (2, 3), (3, 2), (37, 53), (53, 37), (31, 32), (32, 32), (224, 224), (255, 257),
    (256, 256), (256, 300), (257, 256), (341, 256), (375, 500), (500, 375), (640, 480), (3000, 40), (40, 3000),
    (1024, 683), (9, 2000), (1200, 1201),
]  # fmt: skip
SETTINGS = [(224, 0.875), (224, 1.0), (32, 1.0), (64, 1.5), (33, 1.5), (96, 0.9)]
FILTERS = {
    "box": InterpolationMode.BOX,
    "bilinear": InterpolationMode.BILINEAR,
    "hamming": InterpolationMode.HAMMING,
    "bicubic": InterpolationMode.BICUBIC,
    "lanczos": InterpolationMode.LANCZOS,
}
RESIZES = [(1, 1, 5, 7), (37, 53, 100, 20), (53, 37, 53, 80), (53, 37, 80, 37), (40, 30, 40, 30), (300, 200, 7, 9),
           (9, 2000, 31, 64), (64, 48, 200, 150), (300, 400, 224, 224), (60, 100, 40, 60), (60, 101, 40, 60),
           (60, 101, 70, 60), (60, 101, 60, 40), (333, 2000, 1, 1), (500, 4000, 31, 3)]  # fmt: skip


def noise(width, height):
    """Bytes of a linear congruential generator seeded by the size: the tests make the same."""
    state = np.uint32(width * 65537 + height)
    count = width * height * 3
    data = np.empty(count, np.uint8)
    value = int(state)
    for i in range(count):
        value = (value * 1664525 + 1013904223) & 0xFFFFFFFF
        data[i] = value >> 24
    return Image.fromarray(data.reshape(height, width, 3))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def crop(image, size, crop_pct, interpolation):
    """timm's transforms_imagenet_eval."""
    pipeline = [
        transforms.Resize(math.floor(size / crop_pct), FILTERS[interpolation]),
        transforms.CenterCrop(size),
    ]
    result = transforms.Compose(pipeline)(image)
    tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])(result)
    return {
        "inputSize": size,
        "cropPct": crop_pct,
        "interpolation": interpolation,
        "crop": sha256(result.tobytes()),
        "tensor": sha256(tensor.numpy().astype("<f4").tobytes()),
    }


crops = []
resizes = []
if len(sys.argv) > 1:
    for name in sorted(os.listdir(sys.argv[1])):
        image = Image.open(os.path.join(sys.argv[1], name)).convert("RGB")
        for interpolation in ("bilinear", "bicubic"):
            found = crop(image, 224, 0.875, interpolation)
            crops.append({"name": name, "rgb": sha256(image.tobytes()), **found})
else:
    for width, height in SIZES:
        image = noise(width, height)
        for size, crop_pct in SETTINGS:
            # Pillow resizes the whole image before the crop: keep the made image below 30 megapixels.
            short, long = min(width, height), max(width, height)
            if (size / crop_pct) ** 2 * long / short > 30e6:
                continue
            for interpolation in ("bilinear", "bicubic"):
                crops.append({"width": width, "height": height, **crop(image, size, crop_pct, interpolation)})
    for width, height, to_width, to_height in RESIZES:
        for interpolation, mode in FILTERS.items():
            result = noise(width, height).resize((to_width, to_height), Image.Resampling[interpolation.upper()])
            found = {"from": [width, height], "to": [to_width, to_height], "interpolation": interpolation}
            resizes.append({**found, "rgb": sha256(result.tobytes())})

origin = f"crops.py, Pillow {PIL.__version__}, torchvision {torchvision.__version__}"
print(json.dumps({"origin": origin, "crops": crops, "resizes": resizes}, indent=1))
