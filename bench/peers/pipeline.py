"""Photographs on disk to predictions, as a PyTorch user would build it: Pillow, torchvision, DataLoader."""

import time

import torch
from PIL import Image
from torchvision import transforms

from networks import build
from peer import serve

transform = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


class Photos(torch.utils.data.Dataset):
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        with Image.open(self.files[index]) as image:
            return transform(image.convert("RGB"))


state = {}


def load(weights, form, batch, threads, workers, files):
    """Prepares one setting; the workers stay up between runs."""
    torch.set_num_threads(threads)
    loader = torch.utils.data.DataLoader(
        Photos(files), batch_size=batch, num_workers=workers, persistent_workers=workers > 0
    )
    network, prepare = build(weights, form, torch.zeros(batch, 3, 224, 224))
    state.update(network=network, prepare=prepare, loader=loader)


def run():
    """Gives the seconds of one pass over all files, and the best logit of each."""
    best = []
    start = time.perf_counter()
    with torch.inference_mode():
        for images in state["loader"]:
            logits = state["network"](state["prepare"](images))
            values, _ = logits.softmax(1).topk(5)
            best += logits.amax(1).tolist()
            values.tolist()
    return {"seconds": time.perf_counter() - start, "best": best}


serve({"load": load, "run": run})
