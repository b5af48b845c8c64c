"""Memory bandwidth: STREAM's triad c = a + 3 b over arrays far larger than the caches."""

import time

import torch

from peer import serve

elements = 64 * 2**20
a, b, c = (torch.rand(elements) for _ in range(3))


def run(threads):
    """Gives bytes per second: two arrays read, one written."""
    torch.set_num_threads(threads)
    start = time.perf_counter()
    torch.add(a, b, alpha=3, out=c)
    return 3 * 4 * elements / (time.perf_counter() - start)


serve({"run": run})
