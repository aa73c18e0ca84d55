"""Which columns of a table are used, the same in every split: by the header's names where there are any."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.data.raw import DataError
from pipeline.data.readers._csv_file import File

Asked = int | str


@dataclass(frozen=True)
class Columns:
    """chosen: their numbers in the file, in the order of train's; features: their names; label: its number.

    categorical: places in `chosen` of columns that hold names. moved: whether they stand elsewhere than in train.
    """

    chosen: list[int]
    features: list[str]
    label: int | None
    categorical: list[int]
    moved: bool = False


def arranged(
    files: dict[str, File],
    label: Asked | None,
    columns: Sequence[Asked],
    drop: Sequence[Asked],
    categorical: Sequence[Asked],
    options: tuple[str, str] = ("label", "columns"),
) -> dict[str, Columns]:
    """The columns of each split's file; DataError where one that is asked for is not there, or headers don't agree.

    options: what the reader's options for `label` and `columns` are called.
    """
    train = files["train"]
    labelled = None if label is None else _number(train, label, options[0])
    if columns and drop:
        raise DataError(f"{train.path}: options columns and drop can't be given both; columns says all that is used")
    dropped = {_number(train, column, "drop") for column in drop}
    chosen = [_number(train, column, options[1]) for column in columns]
    for option, others in ((options[1], chosen), ("drop", dropped)):
        if labelled in others:
            what = f"options {options[0]} and {option} both name {_name(train, labelled)}"
            raise DataError(f"{train.path}: {what}; take another column for one of them")
    chosen = chosen or [c for c in range(train.width) if c != labelled and c not in dropped]
    if not chosen or len(set(chosen)) < len(chosen):
        raise DataError(f"{train.path}: {len(chosen)} columns of features, {len(set(chosen))} different ones")
    names = [_number(train, column, "categorical") for column in categorical]
    if outside := [c for c in names if c not in chosen]:
        raise DataError(
            f"{train.path}: option categorical names {_name(train, outside[0])}, which is no feature that is used"
        )
    if train.names and (unnamed := [c for c in chosen if not train.names[c]]):
        raise DataError(
            f"{train.path}: column {unnamed[0]} has no name in the header, as pandas writes an index; "
            + (f"write option {{drop: {unnamed}}}, or " * (not columns) + "give it a name")
        )
    found = Columns(chosen, [_name(train, c) for c in chosen], labelled, [chosen.index(c) for c in names])
    return {split: found if file is train else _alike(file, train, found) for split, file in files.items()}


def _alike(file: File, train: File, found: Columns) -> Columns:
    if (file.names is None) != (train.names is None):
        with_, without = (file, train) if file.names else (train, file)
        raise DataError(f"{with_.path} has a header and {without.path} has none; write it there too")
    if file.names is None or train.names is None:
        if file.width != train.width:
            raise DataError(f"{file.path}: {file.width} columns; {train.path} has {train.width}")
        return found
    wanted = [train.names[c] for c in (*found.chosen, *([] if found.label is None else [found.label]))]
    if absent := [name for name in wanted if name not in file.names]:
        raise DataError(
            f"{file.path}: no column {absent[0]!r}, which {train.path} has; found {', '.join(file.names)}; "
            f"if {file.path.name} is not to be read, write {train.path.name} as `source`"
        )
    label = None if found.label is None else file.names.index(train.names[found.label])
    chosen = [file.names.index(train.names[c]) for c in found.chosen]
    return Columns(chosen, found.features, label, found.categorical, chosen != found.chosen or label != found.label)


def _number(file: File, asked: Asked, option: str) -> int:
    if isinstance(asked, str):
        if file.names is None:
            raise DataError(
                f"{file.path}: option {option} names {asked!r}, but the table has no header; give a number from 0, or "
                "write option {header: true}"
            )
        if asked not in file.names:
            raise DataError(f"{file.path}: option {option} names {asked!r}; the columns are {', '.join(file.names)}")
        return file.names.index(asked)
    if not -file.width <= asked < file.width:
        raise DataError(
            f"{file.path}: option {option}: {asked} of {file.width} columns; every column is counted, from 0"
        )
    return asked % file.width


def _name(file: File, column: int | None) -> str:
    assert column is not None
    return file.names[column] if file.names else f"column {column}"
