"""Where finished cells are shown: folders that DVC tracks, out of which a lost store can be made again.

A shown cell is linked, not copied. DVC's commit replaces the files of an output by links to its own objects, which
makes a second copy of all of them; `adopt` links the cells to those, so that one copy stays on the disk.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline import paths
from pipeline.cells import fingerprint, store
from pipeline.cells.cell import MARKER, Cell, CellError, on_disk, read_json


def show(wanted: Mapping[Path, Cell], root: Path) -> None:
    """Make `root` show these cells, each in its folder below it, and nothing else."""
    for output, key in list(_shown(root)):
        if output not in wanted or wanted[output].key != key:
            shutil.rmtree(output)
    for output, cell in wanted.items():
        link(cell, output)
    _remove_empty(root)
    root.mkdir(parents=True, exist_ok=True)


def link(cell: Cell, output: Path) -> None:
    """Show one finished cell at an output, without a second copy where the file system allows it."""
    names = on_disk(cell.marker)
    output.mkdir(parents=True, exist_ok=True)
    for other in output.iterdir():
        if other.name not in names:
            other.unlink()
    for name in names:
        _replace(cell.folder / name, output / name)


def adopt(roots: Iterable[Path]) -> int:
    """Take cells that the store lacks out of outputs, verified; returns how many. Leaves one copy of each file.

    A damaged file of an output is replaced by the cell's. Where the cell is not there or is the same damaged file, the
    output goes, to be made again. Either way DVC's object of it goes too, or DVC would bring the damage back.
    """
    adopted = 0
    for root in roots:
        for output, key in list(_shown(root)):
            folder = paths.CELLS / key
            if (folder / MARKER).is_file():
                _unite(output, folder)
            elif _whole(output, key):
                _take(output, folder)
                adopted += 1
            else:
                _forget(output)
    return adopted


def _shown(root: Path) -> Iterator[tuple[Path, str]]:
    """(folder, key) of each finished cell below `root`."""
    for folder, _, names in os.walk(root):
        if MARKER in names:
            try:
                yield Path(folder), str(read_json(Path(folder) / MARKER)["key"])
            except (CellError, KeyError):
                _forget(Path(folder))


def _take(output: Path, folder: Path) -> None:
    """Make the store's folder of links to an output's files; the marker comes last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in on_disk(read_json(output / MARKER)):
        _replace(output / name, folder / name)
        (folder / name).chmod(store.FINISHED)


def _unite(output: Path, folder: Path) -> None:
    """One copy of what an output and its cell both have: the output's, which is DVC's."""
    if os.path.samefile(output / MARKER, folder / MARKER):
        return  # markers come last
    marker = read_json(folder / MARKER)
    files = marker["files"]
    for name in on_disk(marker):
        ours, shown = folder / name, output / name
        if shown.is_file() and ours.is_file() and os.path.samefile(ours, shown):
            continue
        good = files[name] if name in files else fingerprint.of_file(ours)
        if shown.is_file() and fingerprint.of_path(shown) == good:
            _replace(shown, ours)
            ours.chmod(store.FINISHED)
        elif ours.is_file() and fingerprint.of_path(ours) == good:
            _mend(shown, ours)
        else:
            _forget(output)
            shutil.rmtree(folder)
            return


def _whole(output: Path, key: str) -> bool:
    try:
        store.verify(output, key)
    except CellError:
        return False
    return True


def _mend(damaged: Path, good: Path) -> None:
    """Put a good file in the place of a damaged one, and of DVC's object where that is the same file."""
    for item in _objects(damaged):
        _replace(good, item)
    _replace(good, damaged)


def _forget(output: Path) -> None:
    for item in _objects(*output.iterdir()):
        item.unlink()
    shutil.rmtree(output)


def _objects(*files: Path) -> list[Path]:
    """Files of DVC's cache that are the same as one of `files`, under whatever name."""
    shown = {(s.st_dev, s.st_ino) for file in files if file.is_file() and (s := file.stat()).st_nlink > 1}
    found = (paths.ROOT / ".dvc" / "cache").rglob("*") if shown else ()
    return [item for item in found if item.is_file() and ((s := item.stat()).st_dev, s.st_ino) in shown]


def _replace(source: Path, target: Path) -> None:
    """Make `target` a link to `source`, or a copy where there can be no link; whole at any moment."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError:
        shutil.copy2(source, draft)
    draft.replace(target)


def _remove_empty(root: Path) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        if folder != str(root) and not any(os.scandir(folder)):
            os.rmdir(folder)
