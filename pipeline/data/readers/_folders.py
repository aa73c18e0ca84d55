"""A folder a class: `<class>/<file>`, or `{train,val,test}/<class>/<file>`; which files are items, of which class."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.cells import listing
from pipeline.data.raw import DataError, split_of


@dataclass(frozen=True)
class Found:
    """paths and labels (N,), numbers of `classes`, of each split's items; remarks: about files that are left out."""

    folder: Path
    classes: list[str]
    paths: dict[str, list[Path]]
    labels: dict[str, np.ndarray]
    remarks: list[str]

    def where(self, split: str, number: int) -> str:
        """The place of an item."""
        return _shown(self.folder, self.paths[split][number])


def find(folder: Path, what: str, endings: Collection[str], subfolders: bool) -> Found:
    """Items, called `what`, whose names have one of the `endings`, of any if there are none.

    subfolders: whether those in a folder of a class folder are of that class; DataError otherwise, and where it is not
    clear what is a class or a split, or a class has no item.
    """
    roots = _roots(folder, what)
    classes = _classes(roots, what)
    paths, left_out = _files(folder, roots, what, endings, subfolders)
    remarks = [f"left out: {by_ending(folder, left_out)}"] if left_out else []
    labels = {}
    for split, root in roots.items():
        places = [classes.index(p.parts[len(root.parts)]) for p in paths[split]]
        labels[split] = np.array(places, np.int64)
        missing = [name for number, name in enumerate(classes) if number not in places]
        if missing and (split == "train" or not places):
            raise DataError(
                f"{root}: no {what} of class {', '.join(missing)}; add some, or remove the folder"
                + "".join(f" ({remark})" for remark in remarks)
            )
    return Found(folder, classes, paths, labels, remarks)


def _roots(folder: Path, what: str) -> dict[str, Path]:
    """The folder that holds each split's class folders: `folder` itself where its source is not split."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no folder; `source` is the folder that holds a folder for each class")
    inside = [p for p in listing.entries(folder) if p.is_dir()]
    named = [p for p in inside if split_of(p.name)]
    roots = {split: p for p in named if (split := split_of(p.name))}
    names, others = (", ".join(p.name for p in some) for some in (named, [p for p in inside if p not in named]))
    if len(roots) < len(named):
        raise DataError(f"{folder}: two folders for one split among {names}; move one away, or its {what}s over")
    if named and (others or "train" not in roots):
        raise DataError(
            f"{folder}: are {names} splits or classes{', beside ' * bool(others)}{others}? Splits: there has to be a "
            "folder `train`, and no folder but splits. Classes: move all folders into a new folder `train`"
        )
    return roots or {"train": folder}


def _classes(roots: dict[str, Path], what: str) -> list[str]:
    """Names of the class folders of train, which other splits have too."""
    names = {split: [p.name for p in listing.entries(root) if p.is_dir()] for split, root in roots.items()}
    classes, root = names["train"], roots["train"]
    if not classes:
        raise DataError(f"{root}: no folder for any class; move the {what}s of each class into a folder of its name")
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


def _files(
    folder: Path, roots: dict[str, Path], what: str, endings: Collection[str], subfolders: bool
) -> tuple[dict[str, list[Path]], list[Path]]:
    """Items of each split by class and name, and files that are none or in no class folder."""
    depth = 0 if roots["train"] == folder else 1
    split_at = {root.name: split for split, root in roots.items()}
    items: dict[str, list[Path]] = {split: [] for split in roots}
    left_out = []
    for path in listing.files(folder):
        if not _is_text(str(path)):
            raise DataError(f"{ascii(str(path))}: a name that is no UTF-8; rename it")
        parts = path.parts[len(folder.parts) :]
        below = len(parts) - depth - 2  # folders between the class folder and the file
        if below < 0 or (endings and path.suffix.lower() not in endings):
            left_out.append(path)
        elif below and not subfolders:
            raise DataError(
                f"{path}: a {what} in a subfolder of class {parts[depth]}; move it up, or set option "
                f"`subfolders: true` if every {what} below {parts[depth]} is of that class"
            )
        else:
            items[split_at[parts[0]] if depth else "train"].append(path)
    return items, left_out


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:  # bytes that Python could not decode
        return False


def by_ending(folder: Path, paths: list[Path]) -> str:
    """`24 files: .txt 20 (cat/a.txt, ...), .heic 4 (...)`, the most first."""
    kinds = defaultdict(list)
    for path in paths:
        kinds[path.suffix.lower() or "without ending"].append(path)
    most = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    return f"{len(paths)} files: " + ", ".join(f"{name} {len(of)} ({some(folder, of)})" for name, of in most)


def some(folder: Path, paths: list[Path], most: int = 3) -> str:
    return ", ".join([_shown(folder, p) for p in paths[:most]] + ["..."] * (len(paths) > most))


def _shown(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
