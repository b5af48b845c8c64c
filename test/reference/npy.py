"""Loads an array of NumPy's, without pickles, and prints what it is as JSON."""

import json
import sys

import numpy

array = numpy.load(sys.argv[1], allow_pickle=False)
print(
    json.dumps(
        {
            "dtype": str(array.dtype),
            "shape": array.shape,
            "fortran": bool(array.flags.f_contiguous and not array.flags.c_contiguous),
            "numbers": array.ravel().tolist(),
        }
    )
)
