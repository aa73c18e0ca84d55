"""A folder a class: `<class>/*.png`, or `{train,val,test}/<class>/*.png`; any format that Pillow opens."""

import mmap
import os
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline import lifetime
from pipeline.data import arrays
from pipeline.data.raw import Raw
from pipeline.data.readers import _folders, _pictures

KIND = "image"
WORTH_A_PROCESS = 200  # pictures; threads would wait for each other: they take 1.3 times as long as processes


def read(
    folder: Path,
    *,
    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)],
    channels: Literal[1, 3] = 3,
    background: Annotated[
        list[Annotated[int, Field(ge=0, le=255)]],
        Field(min_length=3, max_length=3),
    ] = [255, 255, 255],  # noqa: B006 (read as a literal, never changed)
    subfolders: bool = False,
) -> Raw:
    """Images scaled to `size` (height, width), with 1 (grey) or 3 (RGB) channels, as uint8 (N, C, H, W).

    background: the colour (RGB) behind pictures that are transparent. subfolders: a picture in a folder of a class
    folder is of that class. Files that are left out and pictures without content are told in `remarks`.
    """
    found = _folders.find(folder, "picture", _pictures.endings(), subfolders)
    remarks, splits, blank = list(found.remarks), {}, []
    for split, paths in found.paths.items():
        x = _read(paths, size, channels, background)
        splits[split] = x, found.labels[split]
        blank += [paths[number] for number in np.flatnonzero(_one_colour(x))]
    if blank:
        some = _folders.some(folder, blank)
        remarks.append(f"{len(blank)} pictures are of one colour only: {some}; is `background` right?")
    return Raw(KIND, splits, found.classes, remarks=tuple(remarks), where=found.where)


def _read(paths: list[Path], size: list[int], channels: int, background: list[int]) -> np.ndarray:
    """uint8 (N, C, H, W), by as many processes as there are cores. DataError of the first picture that is refused."""
    images = _shared((len(paths), channels, *size))

    def fill(numbers: range) -> None:
        for number in numbers:
            images[number] = _pictures.pixels(paths[number], size, channels, background)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    lanes = min(cores, len(paths) // WORTH_A_PROCESS)
    children = [_forked(partial(fill, range(lane, len(paths), lanes))) for lane in range(lanes)] if lanes > 1 else []
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    if failed or not children:
        fill(range(len(paths)))  # in order, so that the same picture is named each time
    return images


def _shared(shape: tuple[int, ...]) -> np.ndarray:
    """uint8, to be filled by children too; in a file, as `arrays.empty` has it, if it is large."""
    if arrays.is_large(shape, np.uint8):
        return arrays.empty(shape, np.uint8)
    return np.frombuffer(mmap.mmap(-1, prod(shape)), np.uint8).reshape(shape)


def _forked(work: Callable[[], None]) -> int:
    """Number of a process that does it, and ends with 0 where it could."""
    parent = os.getpid()
    if child := os.fork():
        return child
    try:
        lifetime.die_with_parent(parent=parent)
        work()
        os._exit(0)
    finally:
        os._exit(1)


def _one_colour(x: np.ndarray) -> np.ndarray:
    """Which images (N, C, H, W) are; none where they are a pixel each."""
    if x[0, 0].size == 1:
        return np.zeros(len(x), bool)
    return np.concatenate([(part == part[:, :, :1, :1]).all(axis=(1, 2, 3)) for part in arrays.chunks(x)])
