"""Writes images of every kind that Pillow can make, and what Pillow decodes them to, as JSON.

usage: odd_images.py SEED WIDTH HEIGHT > test/image/golden/odd-images.json

Each case: name, file (base64), width, height, rgb (SHA-256 of the bytes of Image.open(file).convert("RGB")),
and upright (the same after ImageOps.exif_transpose) where the file carries an orientation.
"""

import base64
import hashlib
import io
import json
import struct
import sys
import zlib

import numpy as np
import PIL
from PIL import Image, ImageOps

seed, W, H = (int(argument) for argument in sys.argv[1:4])
rng = np.random.RandomState(seed)


def bands(count):
    y, x = np.mgrid[0:H, 0:W]
    waves = [127 + 100 * np.sin(x / (7 + 3 * i) + y / (11 - 2 * i)) for i in range(count)]
    noisy = np.stack(waves, -1) + rng.randint(-20, 20, (H, W, count))
    return np.clip(noisy, 0, 255).astype(np.uint8)


rgb = Image.fromarray(bands(3))
rgba = Image.fromarray(bands(4))
grey = Image.fromarray(bands(1)[..., 0])
modes = {
    "rgb": rgb,
    "rgba": rgba,
    "grey": grey,
    "grey-alpha": Image.merge("LA", [grey, Image.fromarray(bands(1)[..., 0])]),
    "palette": rgb.quantize(16),
    "1-bit": grey.convert("1"),
    "cmyk": Image.fromarray(bands(4), mode="CMYK"),
    "16-bit-grey": Image.fromarray(bands(1)[..., 0].astype(np.uint16) * 2),
    "float-grey": Image.fromarray(bands(1)[..., 0].astype(np.float32) * 1.3 - 20),
}
palette = modes["palette"]
cases = []


def add(name, data):
    case = {"name": name, "file": base64.b64encode(data).decode()}
    image = Image.open(io.BytesIO(data))
    decoded = image.convert("RGB")
    case["width"], case["height"] = decoded.size
    case["rgb"] = hashlib.sha256(decoded.tobytes()).hexdigest()
    if "orientation" in name and image.format != "TIFF":
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        case["upright"] = hashlib.sha256(upright.tobytes()).hexdigest()
    cases.append(case)


def encode(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png(rows, depth, colour, transparent=None):
    """A PNG of raw rows, for the kinds Pillow reads and does not write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", W, H, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    if transparent is not None:
        start += chunk(b"tRNS", transparent)
    return start + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


for name in ("rgb", "rgba", "grey", "grey-alpha", "palette", "1-bit"):
    add(f"png {name}", encode(modes[name], "PNG"))
add("png palette, 2-bit", encode(rgb.quantize(4), "PNG", bits=2))
add("png palette, transparent index", encode(palette, "PNG", transparency=5))
add("png palette, alpha per index", encode(palette, "PNG", transparency=bytes(range(0, 256, 16))))
add("png grey, transparent value", encode(grey, "PNG", transparency=100))
add("png rgb, transparent value", encode(rgb, "PNG", transparency=tuple(rgb.getpixel((0, 0)))))
for bits in (2, 4):
    values = rng.randint(0, 2**bits, (H, W)).astype(np.uint8)
    unpacked = np.unpackbits(values[..., None], axis=-1)[..., 8 - bits :].reshape(H, -1)
    add(f"png {bits}-bit grey", png(np.packbits(unpacked, axis=-1), bits, 0))
deep = rng.randint(0, 65536, (H, W, 4)).astype(">u2")
add("png 16-bit grey", png(deep[..., 0] // 200, 16, 0))
add("png 16-bit grey, transparent value", png(deep[..., 0] // 200, 16, 0, b"\0\x40"))
add("png 16-bit grey-alpha", png(deep[..., :2], 16, 4))
add("png 16-bit rgb", png(deep[..., :3], 16, 2))
add("png 16-bit rgba", png(deep, 16, 6))

for name in ("rgb", "grey", "cmyk"):
    add(f"jpeg {name}", encode(modes[name], "JPEG", quality=80))
    add(f"jpeg {name}, progressive", encode(modes[name], "JPEG", quality=60, progressive=True))
for name, subsampling in (("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)):
    add(f"jpeg rgb {name}", encode(rgb, "JPEG", quality=70, subsampling=subsampling))
cmyk = encode(modes["cmyk"], "JPEG", quality=80)
adobe = cmyk.index(b"Adobe")
add("jpeg ycck", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :])
add("jpeg cmyk without Adobe marker", cmyk[: adobe - 4] + cmyk[adobe + 12 :])
plain = encode(rgb, "JPEG", quality=70, subsampling=0)
add("jpeg stored as rgb", plain[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64" + b"\x00" * 5 + plain[2:])
exif = Image.Exif()
for orientation in range(1, 9):
    exif[0x112] = orientation
    add(f"jpeg orientation {orientation}", encode(rgb, "JPEG", exif=exif))
exif[0x112] = 6
add("png orientation 6", encode(rgb, "PNG", exif=exif))
add("webp orientation 6", encode(rgb, "WEBP", exif=exif, lossless=True))
add("tiff orientation 6", encode(rgb, "TIFF", tiffinfo={274: 6}, compression="tiff_lzw"))

add("webp lossy", encode(rgb, "WEBP", quality=80))
add("webp lossless", encode(rgb, "WEBP", lossless=True))
add("webp lossy, alpha", encode(rgba, "WEBP", quality=80))
add("webp lossless, alpha", encode(rgba, "WEBP", lossless=True, exact=True))
other = dict(save_all=True, append_images=[rgba.transpose(Image.Transpose.ROTATE_180)])
add("webp animated", encode(rgb, "WEBP", lossless=True, **other))
add("webp animated, alpha", encode(rgba, "WEBP", lossless=True, **other))

for name, image in modes.items():
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        add(f"tiff {name} {compression}", encode(image, "TIFF", compression=compression))
for name in ("rgb", "grey", "cmyk"):
    add(f"tiff {name} jpeg", encode(modes[name], "TIFF", compression="jpeg"))
add("tiff ycbcr jpeg", encode(rgb.convert("YCbCr"), "TIFF", compression="jpeg"))
add("tiff 1-bit group4", encode(modes["1-bit"], "TIFF", compression="group4"))
add("tiff pages", encode(rgb, "TIFF", **other))

frames = dict(save_all=True, append_images=[rgb.quantize(8)])
add("gif palette", encode(palette, "GIF"))
add("gif grey", encode(grey, "GIF"))
add("gif not interlaced", encode(palette, "GIF", interlace=0))
add("gif transparent", encode(palette, "GIF", transparency=5))
add("gif animated", encode(palette, "GIF", **frames))
add("gif animated, transparent", encode(palette, "GIF", transparency=3, disposal=2, **frames))
larger = struct.pack("<HH", W + 5, H + 3)
for name, options in (("gif smaller than its screen", {}), ("gif smaller, transparent", {"transparency": 5})):
    data = encode(palette, "GIF", **options)
    add(name, data[:6] + larger + data[10:])

for name in ("rgb", "rgba", "grey", "palette", "1-bit"):
    add(f"bmp {name}", encode(modes[name], "BMP"))
bottom_up = encode(rgb, "BMP")
add("bmp rows from the top", bottom_up[:22] + struct.pack("<i", -H) + bottom_up[26:])
nibbles = rng.randint(0, 256, (H, (W + 7) // 8 * 4)).astype(np.uint8).tobytes()
header = struct.pack("<IiiHHIIiiII", 40, W, H, 1, 4, 0, len(nibbles), 0, 0, 16, 0)
colours = rng.randint(0, 256, (16, 4)).astype(np.uint8).tobytes()
start = 14 + len(header) + len(colours)
file_header = b"BM" + struct.pack("<IHHI", start + len(nibbles), 0, 0, start)
add("bmp 4-bit", file_header + header + colours + nibbles)
for name in ("rgb", "grey", "1-bit"):
    add(f"pnm {name}", encode(modes[name], "PPM"))

origin = f"odd_images.py {seed} {W} {H}, Pillow {PIL.__version__}"
print(json.dumps({"origin": origin, "cases": cases}, indent=1))
