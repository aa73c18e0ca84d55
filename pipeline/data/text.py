"""Text as tokens: a tokenizer fitted on the training texts, and what it makes of all of them.

Written beside the labels of a prepared data set: `x_<split>.npy` and its bounds (see `ragged`), `tokenizer.json`, which
goes with every model that is trained on them, and `samples.json`, some of the texts for people.
"""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from pipeline.cells.cell import write_json
from pipeline.data import ragged
from pipeline.data.dataset import SAMPLES, TOKENIZER
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Facts, Tokens, Vocabulary
from pipeline.data.statistics import digits

PADDINGS, UNKNOWNS = ("[PAD]", "<pad>"), ("[UNK]", "<unk>")  # as own and pretrained tokenizers call them
SHOWN = 3  # texts of a class in the samples

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads do not survive a fork


def write(
    raw: Raw, places: Mapping[str, tuple[str, np.ndarray]], spec: Tokens, source: Path | None, folder: Path, name: str
) -> dict[str, Any]:
    """Fit on train, encode and write all splits; returns what `meta.json` says of the tokens.

    places: for each split, the source's split and the items there. DataError where nothing is left of a text.
    """
    texts = {split: raw.splits[given][0][chosen] for split, (given, chosen) in places.items()}
    module = importlib.import_module(f"pipeline.data.tokenizers.{spec.by}")
    tokenizer: Tokenizer = module.fit(texts["train"].tolist(), source, **spec.options)
    tokenizer.no_padding()
    tokenizer.enable_truncation(spec.length)
    facts = Vocabulary(size=tokenizer.get_vocab_size(), padding=_special(tokenizer, PADDINGS, name))
    tokenizer.save(str(folder / TOKENIZER))
    encoded = {split: tokenizer.encode_batch(items.tolist()) for split, items in texts.items()}
    for split, found in encoded.items():
        _require_tokens(raw, *places[split], found, texts[split], name)
        ragged.save(folder, f"x_{split}", ragged.of([item.ids for item in found], facts.padding, spec.length))
    write_json(folder / SAMPLES, _samples(texts, raw, places))
    unknown = next((n for n in map(tokenizer.token_to_id, UNKNOWNS) if n is not None), None)
    return {
        "shape": [spec.length],
        "vocabulary": facts.model_dump(),
        "tokens": {split: _counts(found, unknown) for split, found in encoded.items()},
        "statistics": {"idf": _idf(encoded["train"], facts.size, {facts.padding, unknown})},
    }


def tokens(texts: list[str], folder: Path, facts: Facts) -> ragged.Ragged:
    """Of texts, by the tokenizer in `folder`, as a model with these facts takes them; ValueError where one has none."""
    assert facts.vocabulary
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    found = tokenizer.encode_batch(texts)
    for number, item in enumerate(found):
        if _is_empty(item):
            raise ValueError(f"item {number} (the first is 0): the text {texts[number][:40]!r} has no token")
    return ragged.of([item.ids for item in found], facts.vocabulary.padding, facts.shape[0])


def _special(tokenizer: Tokenizer, names: tuple[str, ...], name: str) -> int:
    found = [number for number in map(tokenizer.token_to_id, names) if number is not None]
    if not found:
        raise DataError(f"{name}: the tokenizer has no token for padding; it should have one of {', '.join(names)}")
    return found[0]


def _require_tokens(
    raw: Raw, split: str, chosen: np.ndarray, found: list[Encoding], texts: np.ndarray, name: str
) -> None:
    """DataError where a text, or all that the tokenizer leaves of it, is empty."""
    empty = [n for n, item in enumerate(found) if _is_empty(item)]
    if empty:
        first = int(chosen[empty[0]])
        where = raw.where(split, first) if raw.where else f"{name}, {split}, item {first}"
        raise DataError(
            f"{where}: the text {texts[empty[0]][:40]!r} has no token ({len(empty)} of {len(found)} texts have none); "
            "remove such items"
        )


def _is_empty(item: Encoding) -> bool:
    return len(item.ids) == sum(item.special_tokens_mask)


def _counts(found: list[Encoding], unknown: int | None) -> dict[str, float]:
    """Of a split: tokens of all and of the longest text, how many texts are cut, and the share of unknown tokens."""
    total = sum(len(item.ids) for item in found)
    strange = 0 if unknown is None else sum(item.ids.count(unknown) for item in found)
    return {
        "all": total,
        "longest": max(len(item.ids) for item in found),
        "cut": sum(len(item.overflowing) > 0 for item in found),
        "unknown": digits(strange / total),
    }


def _idf(found: list[Encoding], size: int, none: set[int | None]) -> list[float]:
    """Of each token ln((1 + N) / (1 + texts with it)) + 1; 0 of those that stand for `none`."""
    texts = np.zeros(size, np.int64)
    for item in found:
        texts[np.unique(item.ids)] += 1
    weights = np.log((1 + len(found)) / (1 + texts)) + 1
    return [0.0 if token in none else digits(weight) for token, weight in enumerate(weights)]


def _samples(texts: Mapping[str, np.ndarray], raw: Raw, places: Mapping[str, tuple[str, np.ndarray]]) -> dict[str, Any]:
    """The first test text, and of each target the first training texts."""
    given, chosen = places["train"]
    shown: dict[str, list[str]] = {}
    for text, target in zip(texts["train"], raw.splits[given][1][chosen].tolist(), strict=True):
        if len(known := shown.setdefault(str(target), [])) < SHOWN:
            known.append(text)
    return {"test": texts["test"][0], "train": shown}
