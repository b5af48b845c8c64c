"""Gives an older Pillow the order of Pillow 13: the columns first where the height shrinks by more than twice the width.

Either pass alone is the same in all versions, so that an older Pillow makes today's bytes in two calls. Import it before
anything is resized; with Pillow 13 or later it does nothing.
"""

import PIL
from PIL import Image

resize_rows_first = Image.Image.resize


def resize(self, size, resample=None, box=None, reducing_gap=None):
    plain = box is None and reducing_gap is None
    lower = self.height - size[1]
    if plain and lower > 0 and lower > 2 * (self.width - size[0]):
        self = resize_rows_first(self, (self.width, size[1]), resample)
    return resize_rows_first(self, size, resample, box, reducing_gap)


if int(PIL.__version__.split(".")[0]) < 13:
    Image.Image.resize = resize
