"""Text as tokens: a tokenizer fitted on the training texts, and what it makes of all of them.

Written of a prepared data set: `x_<split>.npy` and its bounds (see `ragged`), `tokenizer.json`, which goes with every
model that is trained on them, and `samples.json`, some of the texts for people. A text may be a tuple of words, each
with a target of its own: then `y_<split>.npy` has that target at the first token of the word, and IGNORED elsewhere.
Targets that are texts: see `sentences`.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from pipeline.cells.cell import write_json
from pipeline.data import ragged, sentences
from pipeline.data.dataset import IGNORED, SAMPLES, TOKENIZER
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Facts, Tokens, Vocabulary
from pipeline.data.statistics import digits
from pipeline.data.tokenizers._own import SPECIAL, WRITING, opened

PADDINGS, UNKNOWNS = ("[PAD]", "<pad>"), ("[UNK]", "<unk>")  # as own and pretrained tokenizers call them
SPACE = " "  # between words that are given one by one
SHOWN, FEW = 3, 30  # texts of a class in the samples, and classes or sentences

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads do not survive a fork


def write(
    raw: Raw,
    places: Mapping[str, tuple[str, np.ndarray]],
    spec: Tokens,
    source: Path | None,
    folder: Path,
    name: str,
    classes: list[str],
) -> dict[str, Any]:
    """Fit on train, encode and write all splits; returns what `meta.json` says of the tokens.

    places: for each split, the source's split and the items there. DataError where nothing is left of a text.
    """
    items, targets = (
        {split: raw.splits[given][place][chosen] for split, (given, chosen) in places.items()} for place in (0, 1)
    )
    texts = {split: [item if isinstance(item, str) else SPACE.join(item) for item in x] for split, x in items.items()}
    module = importlib.import_module(f"pipeline.data.tokenizers.{spec.by}")
    writes = sentences.are(targets["train"])
    read = [*texts["train"], *targets["train"]] if writes else texts["train"]
    tokenizer: Tokenizer = module.fit(read, source, WRITING if writes else SPECIAL, **spec.options)
    tokenizer.encode_special_tokens = True  # `[PAD]` in a text is text
    tokenizer.no_padding()
    tokenizer.enable_truncation(spec.length)
    facts = Vocabulary(size=tokenizer.get_vocab_size(), padding=_special(tokenizer, PADDINGS, name))
    tokenizer.save(str(folder / TOKENIZER))
    encoded = {split: tokenizer.encode_batch(found) for split, found in texts.items()}
    _require_words(encoded["train"], facts, spec, name)
    untagged = {}
    for split, found in encoded.items():
        _require_tokens(raw, *places[split], found, texts[split], name)
        ragged.save(folder, f"x_{split}", ragged.of([item.ids for item in found], facts.padding, spec.length))
        if isinstance(items[split][0], tuple):
            tags, untagged[split] = _aligned(items[split], targets[split], found)
            ragged.save(folder, f"y_{split}", ragged.of(tags, IGNORED, spec.length, "int64"))
    write_json(folder / SAMPLES, _samples(items, targets["train"].tolist(), classes))
    unknown = next((n for n in map(tokenizer.token_to_id, UNKNOWNS) if n is not None), None)
    written = sentences.encode(tokenizer, targets, spec.length, name) if writes else {}
    for split, found in written.items():
        _require_tokens(raw, *places[split], found, targets[split].tolist(), name)
    if writes:
        sentences.save(folder, written, texts, targets, spec.length)
    return {
        "shape": [spec.length],
        "vocabulary": facts.model_dump(),
        "tokens": {split: _counts(found, unknown) for split, found in encoded.items()},
        "target_tokens": {split: _counts(found, unknown) for split, found in written.items()},
        "aligned": bool(untagged),
        "writes": writes,
        "untagged": untagged,
        "statistics": {"idf": _idf(encoded["train"], facts.size, {facts.padding, unknown})},
    }


def difference(theirs: Path, ours: Path) -> str | None:
    """How the tokenizers of two files differ, None where they make the same tokens; one may cut texts shorter."""
    their, our = (Tokenizer.from_file(str(path)) for path in (theirs, ours))
    for tokenizer in (their, our):
        tokenizer.no_truncation()
        tokenizer.no_padding()
    if their.to_str() == our.to_str():
        return None
    for number in range(max(their.get_vocab_size(), our.get_vocab_size())):
        if (there := their.id_to_token(number)) != (here := our.id_to_token(number)):
            return f"token {number} is {there!r} there and {here!r} here"
    return "the vocabularies are the same, but text is normalised or split in another way"


def first_tokens(words: Sequence[str], item: Encoding) -> list[int | None]:
    """The place of the first token of each word of a text, which are joined by a space; None where it has none."""
    places: list[int | None] = []
    token, start = 0, 0
    for word in words:
        end = start + len(word)
        while token < len(item.ids) and (item.special_tokens_mask[token] or item.offsets[token][1] <= start):
            token += 1
        there = token < len(item.ids) and item.offsets[token][0] < end and not item.special_tokens_mask[token]
        places.append(token if there else None)
        token, start = token + there, end + len(SPACE)
    return places


def _aligned(items: np.ndarray, tags: np.ndarray, found: list[Encoding]) -> tuple[list[list[int]], int]:
    """Of each text its tags at the tokens that begin words, IGNORED elsewhere; and the words that have no token."""
    aligned, missing = [], 0
    for words, given, item in zip(items, tags, found, strict=True):
        row = [IGNORED] * len(item.ids)
        for place, tag in zip(first_tokens(words, item), given, strict=True):
            missing += place is None
            if place is not None:
                row[place] = int(tag)
        aligned.append(row)
    return aligned, missing


class Request:
    """Texts, cut once by the tokenizer in `folder`, and what a model with these facts says of them."""

    def __init__(self, texts: list[str], folder: Path, facts: Facts) -> None:
        self.texts, self.facts = texts, facts
        read = [SPACE.join(text.split()) for text in texts] if facts.aligned else texts
        self.items: list[Encoding] = opened(folder / TOKENIZER).encode_batch(read)

    def tokens(self) -> ragged.Ragged:
        """As the model takes them; ValueError where a text has none."""
        assert self.facts.vocabulary
        for number, item in enumerate(self.items):
            if _is_empty(item):
                raise ValueError(f"item {number} (the first is 0): the text {self.texts[number][:40]!r} has no token")
        return ragged.of([item.ids for item in self.items], self.facts.vocabulary.padding, self.facts.shape[0])

    def tags(self, scores: np.ndarray) -> list[list[str | None]]:
        """Of the scores (L, K) of all tokens the class of each word, of those between spaces.

        None of a word that has no token, because the text is longer than the model takes.
        """
        start, answers = 0, []
        for text, item in zip(self.texts, self.items, strict=True):
            found = scores[start : start + len(item.ids)].argmax(axis=1)
            places = first_tokens(text.split(), item)
            answers.append([None if place is None else self.facts.classes[found[place]] for place in places])
            start += len(item.ids)
        return answers


def _special(tokenizer: Tokenizer, names: tuple[str, ...], name: str) -> int:
    found = [number for number in map(tokenizer.token_to_id, names) if number is not None]
    if not found:
        raise DataError(f"{name}: the tokenizer has no token for padding; it should have one of {', '.join(names)}")
    return found[0]


def _require_tokens(
    raw: Raw, split: str, chosen: np.ndarray, found: list[Encoding], texts: list[str], name: str
) -> None:
    """DataError where a text, or all that the tokenizer leaves of it, is empty."""
    empty = [n for n, item in enumerate(found) if _is_empty(item)]
    if empty:
        first = int(chosen[empty[0]])
        where = f"{name}, {raw.where(split, first) if raw.where else f'{split}, item {first}'}"
        raise DataError(
            f"{where}: the text {texts[empty[0]][:40]!r} has no token ({len(empty)} of {len(found)} texts have none); "
            "remove such items"
        )


def _require_words(found: list[Encoding], facts: Vocabulary, spec: Tokens, name: str) -> None:
    """DataError where the vocabulary has none of the training texts' words."""
    if len({token for item in found for token in item.ids}) - sum(found[0].special_tokens_mask) < 2:
        raise DataError(
            f"{name}: all texts of train are made of one token, since tokenizer {spec.by} with options {spec.options} "
            f"has a vocabulary of {facts.size}, its special tokens among them; give it more"
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


def _samples(items: Mapping[str, np.ndarray], targets: list[Any], classes: list[str]) -> dict[str, Any]:
    """For people: the first test text, and of each target the first training texts; what has no label, in any order."""
    shown: dict[str, list[str]] = {}
    for item, target in zip(items["train"], targets, strict=True):
        label, text = _labelled(item, target, classes)
        if len(known := shown.setdefault(label, [])) < (SHOWN if label else FEW):
            known.append(text)
        elif len(shown) > FEW:
            break
    first = items["test"][0]
    train = [[label, text] for label in sorted(shown) for text in shown[label]]
    return {"test": first if isinstance(first, str) else SPACE.join(first), "train": train}


def _labelled(item: Any, target: Any, classes: list[str]) -> tuple[str, str]:
    """Label and text; words with their tags and pairs of texts have no label."""
    if isinstance(item, tuple):
        return "", SPACE.join(f"{word}/{classes[tag]}" for word, tag in zip(item, target, strict=True))
    if isinstance(target, str):
        return "", f"{item} | {target}"
    return classes[target] if classes else f"{target:g}", item
