"""A NumPy archive with x_train, y_train and, if there, x_validation, y_validation, x_test, y_test."""

import zipfile
import zlib
from itertools import permutations
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.cells import listing
from pipeline.data import arrays
from pipeline.data.kinds import KINDS, of_shape
from pipeline.data.precision import single
from pipeline.data.raw import SPLIT_NAMES, DataError, Raw, split_of, told

KIND = None  # tabular, series where `shape` has two extents, image where it has three


def read(
    folder: Path,
    *,
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=3)] = [],  # noqa: B006
    layout: Literal["", "CHW", "HWC", "TF", "FT"] = "",
    classes: list[str] = [],  # noqa: B006 (read as a literal, never changed)
) -> Raw:
    """Arrays of the archive; `shape` (C, H, W) says that x holds images, (T, F) series, and none tables (N, F).

    layout: the axes of an item in the archive, if they are not those of `shape`. An axis of extent 1 may be missing.
    Series that are shorter than T end with NaN. Archives with pickled objects are refused: loading one can run any
    code.
    """
    path = _archive(folder)
    kind = KINDS[of_shape(shape)]
    if layout and sorted(layout) != sorted(kind.axes):
        raise DataError(f"{path}: option layout {layout!r} with shape {shape}; {kind.name} data has axes {kind.axes}")
    found = _arrays(path)
    pairs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, x in found.items():
        letter, _, part = name.partition("_")
        if letter == "x" and (split := split_of(part)):
            if split in pairs:
                raise DataError(f"{path}: two arrays for the {split} split, {name} is one of them; remove one")
            pairs[split] = (
                _items(x, f"{path}: {name}", kind.name, shape, layout or kind.axes),
                _labels(found, part, path),
            )
    if lone := [f"y_{part}" for part in SPLIT_NAMES if f"y_{part}" in found and f"x_{part}" not in found]:
        raise DataError(f"{path}: {lone[0]} is there, but no x_{lone[0][2:]}")
    if "train" not in pairs:
        raise DataError(f"{path}: no x_train and y_train; it holds {', '.join(found) or 'nothing'}")
    unread = [n for n in found if n[:2] not in ("x_", "y_") or not split_of(n[2:])]
    remarks = (f"left out: arrays {', '.join(unread)}",) if unread else ()
    return Raw(kind.name, pairs, classes or None, remarks=remarks, where=lambda s, number: f"{path}: x_{s}[{number}]")


def _archive(folder: Path) -> Path:
    if folder.is_file():
        return folder
    found = [p for p in listing.entries(folder) if p.suffix == ".npz"] if folder.is_dir() else []
    if len(found) != 1:
        raise DataError(f"{folder}: {len(found)} archives *.npz ({', '.join(p.name for p in found)}); one is needed")
    return found[0]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name, those that are large in files."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy").lower(): _array(archive, name, path) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not an archive of plain arrays: {told(error)}") from error


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """One array, read in blocks, so that it is never in memory twice; Fortran's order is left to NumPy."""
    try:
        with archive.open(name) as file:
            version = np.lib.format.read_magic(file)
            readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, columns_first, dtype = readers[version](file)
            if dtype.hasobject or columns_first or not shape or not arrays.is_large(shape, dtype):
                with archive.open(name) as again:
                    return np.asarray(np.lib.format.read_array(again, allow_pickle=False))
            filled = arrays.empty(shape, dtype)
            flat = filled.reshape(-1).view(np.uint8)
            place = 0
            while place < len(flat):
                block = file.read(min(2**24, len(flat) - place))
                if not block:
                    raise ValueError(f"it ends after {place} of {len(flat)} bytes")
                flat[place : place + len(block)] = np.frombuffer(block, np.uint8)
                place += len(block)
            return filled
    except (ValueError, KeyError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: {name.removesuffix('.npy')} is no plain array: {told(error)}") from error


def _items(x: np.ndarray, what: str, kind: str, shape: list[int], layout: str) -> np.ndarray:
    """Items (N, *shape) of the kind's dtype; DataError where they are something else than was said."""
    if x.dtype.kind not in "biuf" or not x.ndim:
        raise DataError(f"{what} is of dtype {x.dtype} and shape {x.shape}; expected numbers (N, ...)")
    if not shape:
        if x.ndim != 2 or not x.shape[1]:
            raise DataError(
                f"{what} has shape {x.shape}; a table has (N, F); series and images need option `shape`, such as "
                f"{{shape: {list(x.shape[1:])}}}"
            )
        return single(x, what)
    axes = KINDS[kind].axes
    extents = dict(zip(axes, shape, strict=True))
    stored = tuple(extents[axis] for axis in layout)
    if x.shape[1:] != stored:
        x = _squeezed(x, what, stored, layout, extents, KINDS[kind].channel)
    x = x.transpose(0, *(1 + layout.index(axis) for axis in axes))
    return single(x, what) if kind == "series" else _pixels(x, what)


def _squeezed(
    x: np.ndarray, what: str, stored: tuple[int, ...], layout: str, extents: dict[str, int], channel: str
) -> np.ndarray:
    """Items whose axes of extent 1 are missing, or that are flat, in the stored shape where that has one reading."""
    alone = tuple(n for n in stored if n > 1)
    flat = extents[channel] == 1 and x.shape[1:] == (int(np.prod(stored)),)
    if x.shape[1:] == alone or flat:
        return x.reshape(len(x), *stored)
    said = f"{what} holds items of shape {x.shape[1:]}; shape says {tuple(extents.values())}"
    for order in permutations(layout):
        if x.shape[1:] == tuple(extents[axis] for axis in order):
            back = (0, *(1 + order.index(axis) for axis in extents))
            name = "".join(order)
            way = f"write option {{layout: {name}}} or " if name in ("CHW", "HWC", "TF", "FT") else ""
            raise DataError(f"{said}: the same in another order; {way}save x.transpose{back}")
    if x.shape[1:] == (int(np.prod(stored)),):
        raise DataError(
            f"{said}: as many values, but flat, and their order is not known; save x.reshape(-1, "
            f"{', '.join(str(n) for n in stored)}) if that is how they were made"
        )
    raise DataError(f"{said}; they must agree")


def _pixels(x: np.ndarray, what: str) -> np.ndarray:
    """Whole numbers from 0 to 255 of any dtype as uint8."""
    if x.dtype == np.uint8:
        return x
    whole = all(bool(((p >= 0) & (p <= 255) & (p == np.round(p))).all()) for p in arrays.chunks(x))
    if not whole:
        raise DataError(
            f"{what} is {x.dtype} from {x.min():g} to {x.max():g}; pixels are whole numbers from 0 to 255: save "
            "(255 * x).round().astype('uint8') if they go from 0 to 1"
        )
    return x.astype(np.uint8)


def _labels(found: dict[str, np.ndarray], split: str, path: Path) -> np.ndarray:
    y = found.get(f"y_{split}")
    if y is None:
        raise DataError(f"{path}: x_{split} is there, but no y_{split}")
    if y.size != len(np.atleast_1d(y)):
        way = f"; save y_{split}.argmax(1) if its rows are one-hot" if y.ndim == 2 else ""
        raise DataError(f"{path}: y_{split} has shape {y.shape}; expected one label an item, (N,){way}")
    return y.reshape(-1)
