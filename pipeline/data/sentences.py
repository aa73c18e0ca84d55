"""Targets that are texts, such as translations: tokens between two that begin and end them, and text again.

Written of a prepared data set: `y_<split>.npy` and its bounds (see `ragged`), and `sentences.json` with the pairs of
validation and test, which predictions are judged by.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from pipeline.cells.cell import write_json
from pipeline.data import ragged
from pipeline.data.dataset import IGNORED, SENTENCES, TOKENIZER
from pipeline.data.raw import DataError
from pipeline.data.tokenizers._own import WRITING, opened

BOS, EOS = map(WRITING.index, ("[BOS]", "[EOS]"))


def are(targets: np.ndarray) -> bool:
    """Whether targets (N,) are texts."""
    return isinstance(targets[0], str)


def encode(
    tokenizer: Tokenizer, targets: Mapping[str, np.ndarray], length: int, name: str
) -> dict[str, list[Encoding]]:
    """By split, cut so that begin and end fit into `length` too; DataError where the tokenizer has no such tokens."""
    if (found := [tokenizer.token_to_id(token) for token in WRITING]) != [*range(len(WRITING))]:
        raise DataError(
            f"{name}: the tokenizer has {found} as numbers of the tokens {', '.join(WRITING)}; texts are written "
            "with 0, 1, 2 and 3: use a tokenizer that is fitted here, such as bpe"
        )
    if length < 3:
        raise DataError(
            f"{name}: a tokenizer of length {length} has no token between begin and end; set it to 3 at least"
        )
    tokenizer.enable_truncation(length - 2)
    return {split: tokenizer.encode_batch(found.tolist()) for split, found in targets.items()}


def save(
    folder: Path,
    encoded: Mapping[str, Sequence[Encoding]],
    sources: Mapping[str, Sequence[str]],
    targets: Mapping[str, np.ndarray],
    length: int,
) -> None:
    """What the module says is written."""
    for split, found in encoded.items():
        items = [[BOS, *item.ids, EOS] for item in found]
        ragged.save(folder, f"y_{split}", ragged.of(items, IGNORED, length, "int64"))
    judged = [split for split in targets if split != "train"]
    write_json(
        folder / SENTENCES, {split: list(zip(sources[split], targets[split].tolist(), strict=True)) for split in judged}
    )


def texts(tokens: Sequence[Sequence[int]], folder: Path) -> list[str]:
    """Of tokens, by the tokenizer in `folder`, without those that stand for no text."""
    found: list[str] = opened(folder / TOKENIZER).decode_batch(list(tokens))
    return found
