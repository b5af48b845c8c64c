"""From the start of Python to the first classified photograph: weights file, photograph."""

import sys

import torch
import torchvision
from PIL import Image
from torchvision import transforms

network = torchvision.models.resnext50_32x4d()
network.load_state_dict(torch.load(sys.argv[1]))
network.eval()
transform = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
with torch.inference_mode():
    image = transform(Image.open(sys.argv[2]).convert("RGB"))
    probabilities, classes = network(image[None]).softmax(1).topk(5)
print(list(zip(classes[0].tolist(), probabilities[0].tolist())), flush=True)
