"""What Pillow decodes the files of a folder to, as JSON.

usage: decode.py FOLDER

Name to the SHA-256 of the bytes of Image.open(file).convert("RGB"), or null where Pillow raises.
"""

import hashlib
import json
import os
import sys

from PIL import Image


def decode(path):
    try:
        return hashlib.sha256(Image.open(path).convert("RGB").tobytes()).hexdigest()
    except Exception:  # Pillow raises many kinds for damaged files
        return None


folder = sys.argv[1]
print(json.dumps({name: decode(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}))
