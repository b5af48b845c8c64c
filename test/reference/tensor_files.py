"""Tensors in a pair of files: NAME.json lists dtype, dims, offset and bytes, NAME.bin holds the elements."""

import json

import numpy as np
import torch


def write_tensors(path, tensors):
    entries, offset = {}, 0
    with open(path + ".bin", "wb") as data:
        for name, value in tensors.items():
            array = np.ascontiguousarray(value.detach().numpy())
            entries[name] = {
                "dtype": str(array.dtype),
                "dims": list(value.shape),
                "offset": offset,
                "bytes": array.nbytes,
            }
            data.write(array.tobytes())
            offset += array.nbytes
    with open(path + ".json", "w") as listing:
        json.dump(entries, listing)


def read_tensor(data, entry):
    raw = data[entry["offset"] : entry["offset"] + entry["bytes"]]
    array = np.frombuffer(raw, dtype=np.dtype(entry["dtype"])).reshape(entry["dims"])
    return torch.from_numpy(array.copy())
