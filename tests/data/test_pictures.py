"""Pictures of every mode and depth, against numpy: read right, or refused by name."""

import colorsys
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.data.raw import DataError
from pipeline.data.readers import _pictures
from tests.data.drawing import GREY, GREY_ALPHA, PALETTE, RGB, RGB_ALPHA, SMALL, png, read, save, tiff

BACKGROUND = [10, 200, 90]
RNG = np.random.default_rng(1)
GREYS, ALPHA, COLOURS = SMALL[:, :, 0], SMALL[:, :, 3:], SMALL[:, :, :3]
DEEP = RNG.integers(0, 65536, (4, 6, 4))
DEEP[0, 0, 0] = 30_000  # becomes 117
GREYS16, RGB16 = DEEP[:, :, 0].astype(np.uint16), DEEP[:, :, :3]
TABLE = RNG.integers(0, 256, (256, 3))
INDICES = GREYS % 16


def over(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours (H, W, 1 or 3) on the background, where alpha (H, W, 1) leaves it to be seen."""
    return (colours * (alpha / 255) + np.array(BACKGROUND) * (1 - alpha / 255)).round()


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def grey(samples: np.ndarray, bits: int) -> np.ndarray:
    return (samples * (255.0 / (2**bits - 1))).round()[:, :, None]


def of_cmyk(inks: np.ndarray) -> np.ndarray:
    return (255 - inks[:, :, :3]) * (1 - inks[:, :, 3:] / 255)


def of_ycbcr(x: np.ndarray) -> np.ndarray:
    """JFIF."""
    y, cb, cr = np.moveaxis(x.astype(float), 2, 0)
    rgb = [y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)]
    return np.stack(rgb, axis=2).clip(0, 255)


def palette(mode: str) -> Image.Image:
    """Of 16 colours; of mode PA with `ALPHA`."""
    image = Image.fromarray(INDICES).convert("L")
    image = Image.merge("LA", (image, Image.fromarray(ALPHA[:, :, 0]))) if mode == "PA" else image
    image.putpalette(TABLE[:16].astype(np.uint8).tobytes())
    return image


def chunk(name: bytes, *values: int, of: str = ">u2") -> tuple[bytes, bytes]:
    return name, np.array(values, of).tobytes()


def one(alike: np.ndarray) -> np.ndarray:
    """Alpha (H, W, 1) of a picture in which one value is transparent."""
    return np.where(alike, 0, 255).reshape(4, 6, 1)


INK = RNG.integers(0, 256, (4, 6, 4), dtype=np.uint8)
PLTE = chunk(b"PLTE", *TABLE[:16].reshape(-1), of="u1")
MULTIPLIED = (GREYS * (ALPHA[:, :, 0] / 255)).round().astype(np.uint8)
# Bytes of a file, pixels (H, W, 1 or 3) that it stands for, and by how much two right programs may differ.
CASES: dict[str, tuple[bytes, np.ndarray, int]] = {
    "1": (saved(Image.fromarray(GREYS > 99), "PNG"), grey(GREYS > 99, 1), 0),
    "1, TIFF": (tiff(GREYS % 2, 1), grey(GREYS % 2, 1), 0),
    "L": (saved(Image.fromarray(GREYS), "PNG"), grey(GREYS, 8), 0),
    "L of 2 bits": (png(GREYS % 4, 2, GREY), grey(GREYS % 4, 2), 0),
    "L of 4 bits": (png(INDICES, 4, GREY), grey(INDICES, 4), 0),
    "L of 4 bits, TIFF": (tiff(INDICES, 4), grey(INDICES, 4), 0),
    "L, white is zero": (tiff(GREYS, 8, photometric=0), grey(255 - GREYS, 8), 0),
    "L, maxval 15": (b"P5 6 4 15\n" + INDICES.tobytes(), grey(INDICES, 4), 0),
    "RGB": (saved(Image.fromarray(COLOURS), "PNG"), COLOURS, 0),
    "RGB, maxval 1023": (
        b"P6 6 4 1023\n" + (RGB16 % 1024).astype(">u2").tobytes(),
        grey(RGB16 % 1024, 10)[:, :, 0],
        0,
    ),
    "RGB of 16 bits": (png(RGB16, 16, RGB), RGB16 // 256, 0),
    "P": (saved(palette("P"), "PNG"), TABLE[INDICES], 0),
    "P of 2 bits": (png(GREYS % 4, 2, PALETTE, PLTE), TABLE[GREYS % 4], 0),
    "P, GIF": (saved(palette("P"), "GIF"), TABLE[INDICES], 0),
    "CMYK": (saved(Image.fromarray(INK, "CMYK"), "TIFF"), of_cmyk(INK), 1),
    "CMYK, JPEG": (saved(Image.fromarray(np.full((4, 6, 4), 80, np.uint8), "CMYK"), "JPEG", quality=100),
                   of_cmyk(np.full((4, 6, 4), 80)), 2),
    "YCbCr": (saved(Image.fromarray(COLOURS, "YCbCr"), "TIFF"), of_ycbcr(COLOURS), 1),
    "I;16": (png(GREYS16, 16, GREY), grey(GREYS16, 16), 0),
    "I;16, TIFF": (tiff(GREYS16, 16), grey(GREYS16, 16), 0),
    "I;16B": (tiff(GREYS16, 16, order=">"), grey(GREYS16, 16), 0),
    "I;16 of 12 bits": (tiff(GREYS16 % 4096, 12), grey(GREYS16 % 4096, 12), 0),
    "I;16, JPEG 2000": (saved(Image.fromarray(GREYS16), "JPEG2000"), grey(GREYS16, 16), 0),
    "I, maxval 65535": (b"P5 6 4 65535\n" + GREYS16.astype(">u2").tobytes(), grey(GREYS16, 16), 0),
    "I, maxval 1023": (b"P5 6 4 1023\n" + (GREYS16 % 1024).astype(">u2").tobytes(), grey(GREYS16 % 1024, 10), 0),
    "LA": (png(SMALL[:, :, 2:], 8, GREY_ALPHA), over(SMALL[:, :, 2:3], ALPHA), 1),
    "LA of 16 bits": (png(DEEP[:, :, 2:], 16, GREY_ALPHA), over(DEEP[:, :, 2:3] // 256, DEEP[:, :, 3:] // 256), 1),
    "La": (tiff(np.dstack([MULTIPLIED, ALPHA]), 8, extra=1), over(GREYS[:, :, None], ALPHA), 12),
    "PA": (saved(palette("PA"), "TIFF"), over(TABLE[INDICES], ALPHA), 1),
    "RGBA": (png(SMALL, 8, RGB_ALPHA), over(COLOURS, ALPHA), 1),
    "RGBA of 16 bits": (png(DEEP, 16, RGB_ALPHA), over(RGB16 // 256, DEEP[:, :, 3:] // 256), 1),
    "RGBA, WebP": (saved(Image.fromarray(SMALL), "WEBP", lossless=True, exact=True), over(COLOURS, ALPHA), 1),
    "1, one transparent": (png(GREYS % 2, 1, GREY, chunk(b"tRNS", 1)), over(grey(GREYS % 2, 1), one(GREYS % 2)), 0),
    "L, one transparent": (
        png(GREYS, 8, GREY, chunk(b"tRNS", GREYS[1, 2])),
        over(grey(GREYS, 8), one(GREYS[1, 2] == GREYS)),
        0,
    ),
    "RGB, one transparent": (
        png(COLOURS, 8, RGB, chunk(b"tRNS", *COLOURS[1, 2])),
        over(COLOURS, one((COLOURS[1, 2] == COLOURS).all(axis=2))),
        0,
    ),
    "P, one transparent": (
        png(INDICES, 4, PALETTE, PLTE, chunk(b"tRNS", *[255] * 5, 0, of="u1")),
        over(TABLE[INDICES], one(INDICES == 5)),
        0,
    ),
    "P with alpha": (
        png(INDICES, 4, PALETTE, PLTE, chunk(b"tRNS", *TABLE[:16, 0], of="u1")),
        over(TABLE[INDICES], TABLE[INDICES, :1]),
        1,
    ),
    "P, GIF, one transparent": (saved(palette("P"), "GIF", transparency=5), over(TABLE[INDICES], one(INDICES == 5)), 0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_mode_and_depth_is_read_as_it_is(tmp_path: Path, case: str) -> None:
    content, expected, tolerance = CASES[case]
    path = tmp_path / "mine" / "p.png"  # whatever a file is called, its content says what it is
    path.parent.mkdir()
    path.write_bytes(content)
    x = read(path, background=BACKGROUND).astype(int)
    assert np.abs(x - expected).max() <= tolerance
    luma = (np.broadcast_to(expected, x.shape) * [0.299, 0.587, 0.114]).sum(axis=2, keepdims=True)
    assert np.abs(read(path, background=BACKGROUND, channels=1) - luma).max() <= tolerance + 1


@pytest.mark.parametrize("mode", ["HSV", "RGBa", "RGBX"])
def test_modes_that_no_file_has_today(mode: str) -> None:
    """A file would be needed; a later Pillow may open one."""
    of_hsv = np.array([colorsys.hsv_to_rgb(*(pixel / 255)) for pixel in COLOURS.reshape(-1, 3)]).reshape(4, 6, 3) * 255
    multiplied = np.dstack([(COLOURS * (ALPHA / 255)).round(), ALPHA]).astype(np.uint8)
    samples, expected, tolerance = {
        "HSV": (COLOURS, of_hsv, 1),
        "RGBa": (multiplied, over(COLOURS, ALPHA), 2),
        "RGBX": (SMALL, COLOURS, 0),
    }[mode]
    height, width = samples.shape[:2]
    image = Image.frombytes(mode, (width, height), samples.tobytes())
    x = np.asarray(_pictures._opaque(image, BACKGROUND)).astype(int)
    assert np.abs(x - expected).max() <= tolerance


def test_a_transparent_picture_stands_on_white_if_nothing_is_said(tmp_path: Path) -> None:
    hidden = np.zeros((4, 6, 4), np.uint8)
    assert (read(save(tmp_path / "mine" / "p.png", hidden)) == 255).all()


def test_transparency_comes_before_scaling(tmp_path: Path) -> None:
    """The colour of a pixel that nobody sees does not come into its neighbours."""
    samples = np.zeros((8, 8, 4), np.uint8)
    samples[:, 4:] = [255, 255, 255, 255]
    x = read(save(tmp_path / "mine" / "p.png", samples), shape=(4, 4))
    assert (x == 255).all()


# orientation

TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # EXIF 2.3, 4.6.4 A: where row 0 and column 0 are seen
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x.swapaxes(0, 1)[:, ::-1],
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: x.swapaxes(0, 1)[::-1],
}
SMOOTH = np.linspace(0, 255, 24 * 36 * 3).reshape(24, 36, 3).astype(np.uint8)
FORMS: dict[str, tuple[np.ndarray, dict[str, Any], int]] = {
    "jpg": (SMOOTH, {"quality": 100, "subsampling": 0}, 5),
    "png": (COLOURS, {}, 0),
    "webp": (COLOURS, {"lossless": True}, 0),
    "tif": (COLOURS, {}, 0),
    "tiff": (GREYS16, {"compression": "tiff_lzw"}, 0),
    "avif": (SMOOTH, {"quality": 100, "subsampling": "4:4:4"}, 5),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_read_upright(tmp_path: Path, orientation: int, form: str) -> None:
    samples, options, tolerance = FORMS[form]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "mine" / f"p.{form}", samples, exif=exif, **options)
    expected = TURNED[orientation](grey(samples, 16) if samples.ndim == 2 else samples)
    assert np.abs(read(path, shape=expected.shape[:2]) - expected.astype(int)).max() <= tolerance


# refused

FRAMES = {"save_all": True, "append_images": [Image.fromarray(255 - COLOURS)]}
REFUSED: dict[str, tuple[bytes, str]] = {
    "F": (saved(Image.fromarray(GREYS.astype(np.float32)), "TIFF"), "mode F, .*; save it with 8 bits"),
    "LAB": (saved(Image.frombytes("LAB", (6, 4), COLOURS.tobytes()), "TIFF"), "mode LAB, .*; save it with 8 bits"),
    "I": (tiff(GREYS, 32), "TIFF of mode I does not say .* white; save"),
    "I with a sign": (saved(Image.fromarray(GREYS16.astype(np.int32)), "TIFF"), "signed numbers; save it"),
    "I;16, IM": (saved(Image.fromarray(GREYS16), "IM"), "IM of mode I;16 does not say .* white"),
    "16 bits, white is zero": (tiff(GREYS16, 16, photometric=0), "TIFF of mode I;16 does not say .* white; save"),
    "8 bits with a sign": (tiff(GREYS, 8, sign=2), "signed numbers; save it"),
    "16 bits with a sign": (tiff(GREYS16, 16, sign=2), "signed numbers; save it"),
    "animated GIF": (saved(Image.fromarray(COLOURS), "GIF", **FRAMES), "2 frames or pages; save the one"),
    "animated PNG": (saved(Image.fromarray(COLOURS), "PNG", **FRAMES), "2 frames or pages; save the one"),
    "animated WebP": (saved(Image.fromarray(COLOURS), "WEBP", **FRAMES), "2 frames or pages; save the one"),
    "TIFF of two pages": (saved(Image.fromarray(COLOURS), "TIFF", **FRAMES), "2 frames or pages; save the one"),
    "16 bits, one transparent": (png(GREYS16, 16, GREY, chunk(b"tRNS", 30_000)), "transparent value.*alpha"),
    "16 bits of RGB, one transparent": (
        png(RGB16, 16, RGB, chunk(b"tRNS", *DEEP[0, 0, :3])),
        "transparent value.*alpha",
    ),
    "4 bits, one transparent": (png(INDICES, 4, GREY, chunk(b"tRNS", 3)), "transparent value.*alpha"),
    "a bomb": (b"P5 65535 65535 255\n", "no readable picture .DecompressionBombError"),
    "text": (b"no image", "no readable picture .UnidentifiedImageError"),
    "nothing": (b"", "no readable picture .UnidentifiedImageError"),
    "half a JPEG": (saved(Image.fromarray(SMOOTH), "JPEG")[:-9], "no readable picture .OSError: .*truncated"),
    "half a PGM": (b"P5 6 4 255\n123", "no readable picture"),
    "a PGM of letters": (b"P2 6 4 255\nabc", "no readable picture .ValueError"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(tmp_path: Path, case: str) -> None:
    path = tmp_path / "mine" / "p.png"
    path.parent.mkdir()
    path.write_bytes(REFUSED[case][0])
    with pytest.raises(DataError, match=f"mine/p.png: .*{REFUSED[case][1]}"):
        read(path)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "TGA"])
def test_a_picture_that_was_cut_off_is_refused_or_is_whole(form: str, tmp_path: Path) -> None:
    path, samples = tmp_path / "p", np.kron(COLOURS, np.ones((2, 2, 1), np.uint8))
    size = list(samples.shape[:2])
    content = saved(Image.fromarray(samples), form)
    path.write_bytes(content)
    whole, refused = _pictures.pixels(path, size, 3, BACKGROUND), 0
    for length in range(0, len(content), 5):
        path.write_bytes(content[:length])
        try:
            assert np.array_equal(_pictures.pixels(path, size, 3, BACKGROUND), whole), length
        except DataError:
            refused += 1
    assert refused > len(content) / 5 * 0.8


def test_of_a_photograph_with_a_preview_behind_it_the_first_picture_counts(tmp_path: Path) -> None:
    options = {"quality": 100, "subsampling": 0, "save_all": True, "append_images": [Image.fromarray(255 - SMOOTH)]}
    path = save(tmp_path / "mine" / "p.jpg", SMOOTH, format="MPO", **options)
    assert Image.open(path).format == "MPO"
    assert np.abs(read(path, shape=SMOOTH.shape[:2]) - SMOOTH.astype(int)).max() <= 5
