"""Evaluates torch expressions over given tensors.

ops.py CASES RESULTS reads CASES.json (a list of {name, torch, inputs}) and CASES.bin, and writes RESULTS.json
and RESULTS.bin.
"""

import json
import sys

import torch
import torch.nn.functional as F

from tensor_files import read_tensor, write_tensors

cases_path, results_path = sys.argv[1:]
with open(cases_path + ".json") as listing:
    cases = json.load(listing)
with open(cases_path + ".bin", "rb") as stream:
    data = stream.read()

results = {}
for case in cases:
    inputs = {name: read_tensor(data, entry) for name, entry in case["inputs"].items()}
    results[case["name"]] = eval(case["torch"], {"torch": torch, "F": F, **inputs})
write_tensors(results_path, results)
