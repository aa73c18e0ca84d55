"""The tokenizer that a pretrained model was trained with, as it is."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.data.raw import DataError

FILE = "tokenizer.json"


def fit(texts: Iterable[str], source: Path | None, special: list[str]) -> Tokenizer:
    """source: a folder with `tokenizer.json`; DataError where there is none."""
    if source is None or not (source / FILE).is_file():
        raise DataError(
            f"{source}: no {FILE}; a pretrained tokenizer is that file of its model: name the model's card or folder "
            "as `source` of the tokenizer"
        )
    return Tokenizer.from_file(str(source / FILE))
