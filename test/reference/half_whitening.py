"""Half-whitening by NumPy's eigenvectors in float64.

Arguments: file of float32 embeddings, numbers of one embedding.
Prints (C + 0.001 l I)^(-1/4), row by row, and the root mean square length of what it makes of the embeddings, as JSON.
"""
import json
import sys

import numpy

embeddings, length = sys.argv[1:]
x = numpy.fromfile(embeddings, "<f4").reshape(-1, int(length)).astype(numpy.float64)
x = x - x.mean(0)
values, vectors = numpy.linalg.eigh(numpy.atleast_2d(numpy.cov(x.T)))
powers = (numpy.maximum(values, 0) + 1e-3 * values[-1]) ** -0.25
projection = (vectors * powers) @ vectors.T
scale = numpy.sqrt(((x @ projection) ** 2).sum(1).mean())
print(json.dumps({"projection": projection.ravel().tolist(), "scale": scale}))
