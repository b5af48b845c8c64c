"""What other tools make of a folder that exportHuggingFace wrote, as JSON.

usage: exchange.py FOLDER PHOTO...

For timm, transformers, ONNX Runtime and OpenVINO: logits of each photo, from the file on, and the class names as the tool has
them. The last two are fed with timm's preprocessing.
"""

import json
import sys

import numpy as np
import onnxruntime
import openvino
import timm
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

folder, photos = sys.argv[1], sys.argv[2:]
images = [Image.open(photo).convert("RGB") for photo in photos]
found = {}

with torch.no_grad():
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    data = timm.data.resolve_data_config({}, model=model)
    transform = timm.data.create_transform(**data, is_training=False)
    inputs = torch.stack([transform(image) for image in images])
    found["timm"] = {
        "logits": model(inputs).tolist(),
        "labels": model.pretrained_cfg.get("label_names"),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }

    processor = AutoImageProcessor.from_pretrained(folder)
    wrapped, loading = AutoModelForImageClassification.from_pretrained(folder, output_loading_info=True)
    wrapped.eval()
    prepared = [processor(image, return_tensors="pt")["pixel_values"] for image in images]
    found["transformers"] = {
        "logits": [wrapped(pixel_values).logits[0].tolist() for pixel_values in prepared],
        "labels": [wrapped.config.id2label[i] for i in range(wrapped.config.num_labels)],
        "problems": sorted(str(name) for names in loading.values() for name in names),
    }

session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
metadata = session.get_modelmeta().custom_metadata_map
found["onnxruntime"] = {
    "logits": session.run(["logits"], {"pixel_values": inputs.numpy()})[0].tolist(),
    "labels": json.loads(metadata["classes"]),
}

core = openvino.Core()
exact = {"INFERENCE_PRECISION_HINT": "f32"}
compiled = core.compile_model(f"{folder}/model.onnx", "CPU", exact)
inside = core.compile_model(f"{folder}/web/onnx/model.onnx", "CPU", exact)
planes = [np.asarray(image, np.float32).transpose(2, 0, 1)[None] for image in images]
found["openvino"] = {"logits": compiled({"pixel_values": inputs.numpy()})["logits"].tolist()}
found["openvino, resized inside"] = {
    "logits": [inside({"pixel_values": pixels})["logits"][0].tolist() for pixels in planes]
}
print(json.dumps(found))
