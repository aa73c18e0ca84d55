"""One picture file as pixels: every mode and depth that Pillow opens is converted, or refused with the file's name.

docs/data.md has the table of modes. Colour profiles are not applied.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.data.raw import DataError

# Pillow has 16 bits of these in full scale, whatever depth the file has. TIFF says its depth in a tag.
FULL_SCALE = {("PNG", "I;16"), ("JPEG2000", "I;16"), ("PPM", "I")}
DEPTH, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
SIGNED, BLACK_IS_ZERO = 2, 1  # their values


def endings() -> set[str]:
    """Endings of file names, `.png`, in small letters, of the formats that Pillow opens."""
    return {ending for ending, name in Image.registered_extensions().items() if name in Image.OPEN}


def pixels(path: Path, size: list[int], channels: int, background: list[int]) -> np.ndarray:
    """The picture upright, on `background` (RGB) where it is transparent, then scaled: uint8 (channels, *size)."""
    try:
        with Image.open(path) as image:
            picture = _opaque(image, background).convert("L" if channels == 1 else "RGB")
        return np.asarray(picture.resize((size[1], size[0]))).reshape(*size, channels).transpose(2, 0, 1)
    except Refused as error:
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # Pillow's plugins raise what their parsing happens to run into
        raise DataError(
            f"{path}: no readable picture ({type(error).__name__}: {error}); save it again, or move it elsewhere"
        ) from error


class Refused(ValueError):
    """A picture that Pillow opens, but whose pixels it would get wrong, or that has no single meaning."""


def _opaque(image: Image.Image, background: list[int]) -> Image.Image:
    """In mode L or RGB, upright."""
    _refuse(image)
    if image.mode.startswith("I"):
        white = _white(image)
        ImageOps.exif_transpose(image, in_place=True)
        return Image.fromarray(np.rint(np.asarray(image) * (255 / white)).astype(np.uint8))
    ImageOps.exif_transpose(image, in_place=True)
    if image.has_transparency_data:
        layer = image.convert("LA") if image.mode == "La" else image  # Pillow takes no other way from there
        canvas = Image.new("RGBA", image.size, (*background, 255))
        return Image.alpha_composite(canvas, layer.convert("RGBA")).convert("RGB")
    return image if image.mode == "L" else image.convert("RGB")


def _refuse(image: Image.Image) -> None:
    # A photograph of a camera may have previews behind it (MPO); its first picture is the one that counts.
    if (frames := getattr(image, "n_frames", 1)) > 1 and image.format != "MPO":
        raise Refused(f"{frames} frames or pages; save the one that counts as a file of its own")
    if image.mode in ("F", "LAB"):
        raise Refused(
            f"a picture of mode {image.mode}, which has no range of its own; save it with 8 bits, grey or RGB"
        )
    if isinstance(image, TiffImageFile) and SIGNED in image.tag_v2.get(SAMPLE_FORMAT, ()):
        raise Refused("a TIFF of signed numbers; save it with 8 or 16 bits without sign")
    # Pillow compares the transparent value of the file with pixels that it has scaled to 8 bits.
    by_value = "transparency" in image.info and image.mode != "P"
    if by_value and isinstance(image, PngImageFile) and image.tile[0].args != image.mode:  # such as "L;4" for "L"
        raise Refused("a transparent value, and samples that are not of 8 bits; save it with an alpha channel")


def _white(image: Image.Image) -> int:
    """The value of white in a grey picture of more than 8 bits."""
    if (image.format, image.mode) in FULL_SCALE:
        return 65535
    if isinstance(image, TiffImageFile) and image.mode != "I" and image.tag_v2[PHOTOMETRIC] == BLACK_IS_ZERO:
        return int(2 ** image.tag_v2[DEPTH][0] - 1)
    raise Refused(
        f"{image.format} of mode {image.mode} does not say which value is white; save it as PNG of 8 or 16 bits"
    )
