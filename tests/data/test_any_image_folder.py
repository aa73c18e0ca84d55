"""Image folders at random: read as they were written, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.data.raw import DataError
from pipeline.data.readers import image_folder

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=9).filter(
    lambda name: name.strip(".")
)
KINDS = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "bmp": ("1", "L", "RGB"),
    "tiff": ("1", "L", "RGB", "I;16"),
    "gif": ("P",),
    "tga": ("L", "RGB", "RGBA"),
    "ppm": ("L", "RGB"),
    "webp": ("RGB", "RGBA"),
}  # without loss
ENDINGS = [(f(ending), mode) for ending, modes in KINDS.items() for mode in modes for f in (str, str.upper, str.title)]
FILES = st.dictionaries(NAMES, st.sampled_from([*ENDINGS, ("txt", ""), ("png", "broken")]), min_size=1, max_size=4)
CLASSES = st.lists(
    st.sampled_from(["кот", "犬", "a b", ".hidden", "Test"]) | NAMES, min_size=2, max_size=4, unique=True
)
SPLITS = [("",), ("train",), ("TRAIN", "test"), ("Train", "Valid", "test"), ("train", "val", ".old"), ("val", "test")]


@st.composite
def trees(draw: st.DrawFn) -> dict[str, dict[str, dict[str, tuple[str, str]]]]:
    """Of each split and class: files, each with its ending and its mode."""
    classes = draw(CLASSES)
    return {split: {name: draw(FILES) for name in classes} for split in draw(st.sampled_from(SPLITS))}


def drawn(path: Path, mode: str, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Write a picture, or what is none; its pixels on white (H, W, 3) as they have to be read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    x, colours = rng.integers(0, 256, (*size, 4), dtype=np.uint8), rng.integers(0, 256, (256, 3), dtype=np.uint8)
    alpha = rng.choice([0, 255], (*size, 1)).astype(np.uint8)
    grey, deep = x[:, :, :1], rng.integers(0, 65536, (*size, 1)).astype(np.uint16)
    samples, seen = {
        "1": (grey > 99, (grey > 99) * 255),
        "L": (grey, grey),
        "LA": (np.dstack([grey, alpha]), np.where(alpha, grey, 255)),
        "P": (grey, colours[grey[:, :, 0]]),
        "RGB": (x[:, :, :3], x[:, :, :3]),
        "RGBA": (np.dstack([x[:, :, :3], alpha]), np.where(alpha, x[:, :, :3], 255)),
        "I;16": (deep, (deep / 257).round()),
    }.get(mode, (grey, grey))
    if mode in ("", "broken"):
        path.write_bytes(b"no picture")
    else:
        image = Image.fromarray(samples.squeeze(2) if samples.shape[2] == 1 else samples)
        if mode == "P":
            image.putpalette(colours.tobytes())
        image.save(path, lossless=True, exact=True)
    return np.broadcast_to(seen, (*size, 3)).astype(np.uint8)


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tree=trees(), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_any_folder_is_read_as_it_was_written_or_refused(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any], size: tuple[int, int]
) -> None:
    folder, rng = tmp_path_factory.mktemp("any"), np.random.default_rng(0)
    expected = {}
    for split, classes in tree.items():
        for name, files in classes.items():
            for stem, (ending, mode) in files.items():
                path = folder / split / name / f"{stem}.{ending}"
                pixels = drawn(path, mode, size, rng)
                place = path.relative_to(folder).as_posix()
                if mode and not any(part.startswith(".") for part in (split, name, stem)):
                    expected[place] = (name, pixels)
    try:
        raw = image_folder.read(folder, size=list(size))
    except DataError as error:
        event("refused: " + ("a picture" if "no readable picture" in str(error) else "the folder"))
        assert str(error).startswith(str(folder))
        return
    event("read")
    assert raw.where and raw.classes
    found = {
        raw.where(split, number): (raw.classes[label], image.transpose(1, 2, 0))
        for split, (x, y) in raw.splits.items()
        for number, (image, label) in enumerate(zip(x, y, strict=True))
    }
    assert found.keys() == expected.keys()
    for place, (name, pixels) in expected.items():
        assert found[place][0] == name
        np.testing.assert_array_equal(found[place][1], pixels, err_msg=place)
