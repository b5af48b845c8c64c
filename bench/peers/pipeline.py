"""Photographs on disk to predictions, as a Python user would build it: Pillow or torchvision's decoder, DataLoader."""

import time

import numpy
import torch
from PIL import Image
from torchvision import transforms

from networks import DEVIATION, MEAN, build, forms, is_openvino, versions
from peer import serve

crop = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
as_floats = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)])
tensor_floats = transforms.Compose([transforms.ConvertImageDtype(torch.float32), transforms.Normalize(MEAN, DEVIATION)])


class Photos(torch.utils.data.Dataset):
    """Cropped photographs: bytes in rows, or normalised floats in planes."""

    def __init__(self, files, decoder, bytes_in_rows):
        self.files = files
        self.decoder = decoder
        self.bytes_in_rows = bytes_in_rows

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        if self.decoder == "torchvision":
            from torchvision.io import ImageReadMode, decode_jpeg, read_file

            image = crop(decode_jpeg(read_file(self.files[index]), ImageReadMode.RGB))
            return image.permute(1, 2, 0).contiguous() if self.bytes_in_rows else tensor_floats(image)
        with Image.open(self.files[index]) as image:
            image = crop(image.convert("RGB"))
        return torch.from_numpy(numpy.array(image)) if self.bytes_in_rows else as_floats(image)


state = {}


def load(weights, onnx, form, decoder, batch, threads, workers, files):
    """Prepares one setting; the workers stay up between runs."""
    torch.set_num_threads(threads)
    samples = [image.numpy() for image in Photos(files[:32], "pillow", True)] if is_openvino(form) else None
    loader = torch.utils.data.DataLoader(
        Photos(files, decoder, is_openvino(form)),
        batch_size=batch,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    network, prepare = build(weights, form, torch.zeros(batch, 3, 224, 224), threads, onnx, samples)
    state.update(network=network, prepare=prepare, loader=loader)


def run():
    """Gives the seconds of one pass over all files, and the best logit of each."""
    network, prepare = state["network"], state["prepare"]
    best = []

    def take(logits):
        values, _ = logits.softmax(1).topk(5)
        best.extend(logits.amax(1).tolist())
        values.tolist()

    start = time.perf_counter()
    with torch.inference_mode():
        if hasattr(network, "start"):
            # The next photographs are decoded while these are computed.
            running = None
            for images in state["loader"]:
                if running:
                    take(running())
                running = network.start(images)
            take(running())
        else:
            for images in state["loader"]:
                take(network(prepare(images)))
    return {"seconds": time.perf_counter() - start, "best": best}


serve({"load": load, "run": run, "forms": forms, "versions": versions})
