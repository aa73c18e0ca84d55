"""A folder a class: `<class>/*.png`, or `{train,val,test}/<class>/*.png`; any format that Pillow opens."""

import mmap
import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline import lifetime
from pipeline.cells import listing
from pipeline.data import arrays
from pipeline.data.raw import DataError, Raw, split_of
from pipeline.data.readers import _pictures

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
    roots = _roots(folder)
    classes = _classes(roots)
    paths, left_out = _files(folder, roots, subfolders)
    remarks = [f"left out: {_by_ending(folder, left_out)}"] if left_out else []
    splits, blank = {}, []
    for split, root in roots.items():
        found = list(paths[split])
        labels = np.array([classes.index(p.parts[len(root.parts)]) for p in found], np.int64)
        missing = [name for number, name in enumerate(classes) if number not in labels]
        if missing and (split == "train" or not found):
            raise DataError(
                f"{root}: no picture of class {', '.join(missing)}; add some, or remove the folder"
                + "".join(f" ({remark})" for remark in remarks)
            )
        x = _read(found, size, channels, background)
        splits[split] = x, labels
        blank += [found[number] for number in np.flatnonzero(_one_colour(x))]
    if blank:
        remarks.append(f"{len(blank)} pictures are of one colour only: {_some(folder, blank)}; is `background` right?")
    return Raw(KIND, splits, classes, remarks=tuple(remarks), where=lambda split, n: _shown(folder, paths[split][n]))


def _roots(folder: Path) -> dict[str, Path]:
    """The folder that holds each split's class folders: `folder` itself where its source is not split."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no folder; `source` is the folder that holds a folder for each class")
    inside = [p for p in listing.entries(folder) if p.is_dir()]
    named = [p for p in inside if split_of(p.name)]
    roots = {split: p for p in named if (split := split_of(p.name))}
    names, others = (", ".join(p.name for p in some) for some in (named, [p for p in inside if p not in named]))
    if len(roots) < len(named):
        raise DataError(f"{folder}: two folders for one split among {names}; move one away, or its pictures over")
    if named and (others or "train" not in roots):
        raise DataError(
            f"{folder}: are {names} splits or classes{', beside ' * bool(others)}{others}? Splits: there has to be a "
            "folder `train`, and no folder but splits. Classes: move all folders into a new folder `train`"
        )
    return roots or {"train": folder}


def _classes(roots: dict[str, Path]) -> list[str]:
    """Names of the class folders of train, which other splits have too."""
    names = {split: [p.name for p in listing.entries(root) if p.is_dir()] for split, root in roots.items()}
    classes, root = names["train"], roots["train"]
    if not classes:
        raise DataError(f"{root}: no folder for any class; move the pictures of each class into a folder of its name")
    if len(classes) == 1:
        raise DataError(
            f"{root}: only one class, {classes[0]}; add a folder for another one; if the class folders are in "
            f"{classes[0]}, give that as `source`"
        )
    for split, found in names.items():
        if unknown := [name for name in found if name not in classes]:
            raise DataError(
                f"{roots[split]}: class {', '.join(unknown)} is not in train, which has {', '.join(classes)}; add it "
                "there, or rename or remove the folder"
            )
    return classes


def _files(folder: Path, roots: dict[str, Path], subfolders: bool) -> tuple[dict[str, list[Path]], list[Path]]:
    """Pictures of each split by class and name, and files that are no pictures or in no class folder."""
    endings = _pictures.endings()
    depth = 0 if roots["train"] == folder else 1
    split_at = {root.name: split for split, root in roots.items()}
    pictures: dict[str, list[Path]] = {split: [] for split in roots}
    left_out = []
    for path in listing.files(folder):
        if not _is_text(str(path)):
            raise DataError(f"{ascii(str(path))}: a name that is no UTF-8; rename it")
        parts = path.parts[len(folder.parts) :]
        below = len(parts) - depth - 2  # folders between the class folder and the picture
        if below < 0 or path.suffix.lower() not in endings:
            left_out.append(path)
        elif below and not subfolders:
            raise DataError(
                f"{path}: a picture in a subfolder of class {parts[depth]}; move it up, or set option "
                f"`subfolders: true` if every picture below {parts[depth]} is of that class"
            )
        else:
            pictures[split_at[parts[0]] if depth else "train"].append(path)
    return pictures, left_out


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:  # bytes that Python could not decode
        return False


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


def _by_ending(folder: Path, paths: list[Path]) -> str:
    """`24 files: .txt 20 (cat/a.txt, ...), .heic 4 (...)`, the most first."""
    kinds = defaultdict(list)
    for path in paths:
        kinds[path.suffix.lower() or "without ending"].append(path)
    most = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    return f"{len(paths)} files: " + ", ".join(f"{name} {len(of)} ({_some(folder, of)})" for name, of in most)


def _some(folder: Path, paths: list[Path], most: int = 3) -> str:
    return ", ".join([_shown(folder, p) for p in paths[:most]] + ["..."] * (len(paths) > most))


def _shown(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
