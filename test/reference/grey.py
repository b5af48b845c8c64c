"""Pictures in grey as Pillow and torchvision prepare them: mode L, resize, centre crop, normalisation."""

import base64
import json
import sys

import torch
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor

width, height, seed = 61, 47, 1
generator = torch.Generator().manual_seed(seed)
pixels = torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8)
# All grey levels of one channel, where rounding shows.
pixels[0, :, :] = torch.arange(width)[:, None] * torch.tensor([4, 3, 2])
image = Image.frombytes("RGB", (width, height), bytes(pixels.flatten().tolist()))
grey = image.convert("L")
transform = Compose(
    [
        Resize(24, InterpolationMode.BICUBIC),
        CenterCrop(20),
        ToTensor(),
        Normalize(mean=[0.449], std=[0.226]),
    ]
)
encode = lambda data: base64.b64encode(data).decode()
json.dump(
    {
        "width": width,
        "height": height,
        "pixels": encode(image.tobytes()),
        "grey": encode(grey.tobytes()),
        "input": encode(transform(grey).numpy().tobytes()),
    },
    sys.stdout,
)
