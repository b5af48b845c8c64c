"""Epochs of torchvision's ImageFolder and DataLoader with the augmentation of a training recipe."""

import time

import torch
from torchvision import datasets, transforms
from torchvision.transforms import InterpolationMode

from peer import serve

torch.set_num_threads(1)

tensor = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]


def photographs(size):
    """timm's defaults: a random part in one of two filters, flip, colour jitter of 0.4."""
    crops = [
        transforms.RandomResizedCrop(size, interpolation=mode)
        for mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    ]
    return [
        transforms.RandomChoice(crops),
        transforms.RandomHorizontalFlip(),
        transforms.ColorJitter(0.4, 0.4, 0.4),
        *tensor,
    ]


def small(size):
    """What is usual for CIFAR."""
    return [transforms.RandomCrop(size, padding=4), transforms.RandomHorizontalFlip(), *tensor]


augmentations = {"photographs": photographs, "small": small}
loaders = []


def load(folder, augmentation, size, batch, workers):
    """Opens a loader whose workers stay; gives its number."""
    transform = transforms.Compose(augmentations[augmentation](size))
    loaders.append(
        torch.utils.data.DataLoader(
            datasets.ImageFolder(folder, transform),
            batch_size=batch,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
    )
    return len(loaders) - 1


def run(loader):
    """Gives the seconds and the images of an epoch."""
    images = 0
    start = time.perf_counter()
    for batch, _ in loaders[loader]:
        images += len(batch)
    return {"seconds": time.perf_counter() - start, "images": images}


def close(loader):
    loaders[loader] = None


serve({"load": load, "run": run, "close": close})
