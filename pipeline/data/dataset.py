"""A prepared data set as a trained thing sees it: raw arrays within the budget, and scaling fitted on train."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells.cell import read_json
from pipeline.data import arrays, ragged
from pipeline.data.arrays import Mapped
from pipeline.data.kinds import KINDS, Kind
from pipeline.data.raw import DataError
from pipeline.data.spec import Budget, Facts
from pipeline.data.splits import strata, stratified

TOKENIZER = "tokenizer.json"  # of text: it goes with every model that is trained on its tokens
SAMPLES = "samples.json"  # some of its texts, for people
SENTENCES = "sentences.json"  # of validation and test, where targets are texts: pairs (source, target)
IGNORED = -100  # in the place of a token's target where there is none: at padding, and at later pieces of a word
KEPT = ("columns", "imputed", "padded", "vocabulary", "aligned", "writes")  # of meta.json, in the facts of a model
VALIDATION_SEED = 0  # every seed is judged on the same validation items


@dataclass(frozen=True)
class Dataset:
    """x[split]: items (N, ...) of the kind's dtype, unscaled; y[split]: int64 or float32 (N,), or int64 for each token;
    meta: of `meta.json`. sentences[split]: where targets are texts, these of validation and test, objects (N, 2), each
    after its source."""

    x: dict[str, np.ndarray | Mapped]
    y: dict[str, Any]
    meta: dict[str, Any]
    sentences: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return KINDS[self.meta["kind"]]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.meta["shape"])

    @property
    def classes(self) -> list[str]:
        return self.meta["classes"]

    @property
    def tokens(self) -> int:
        """Of the vocabulary; 0 where items are no texts."""
        return int(self.meta["vocabulary"]["size"]) if self.kind.ragged else 0

    def facts(self, outputs: int) -> Facts:
        """What a model with so many outputs is built for."""
        kept = {n: self.meta[n] for n in KEPT if n in self.meta}
        return Facts(kind=self.kind.name, shape=list(self.shape), classes=self.classes, outputs=outputs, **kept)

    @property
    def target_scale(self) -> tuple[float, float] | None:
        """(mean, standard deviation) of the training targets, where they are numbers."""
        target = self.meta["target"]
        return (target["mean"], target["std"] or 1.0) if target else None

    def target(self, split: str) -> Any:
        """What is fitted: class numbers (N,) as they are, other numbers standardised, float32 (N,)."""
        if self.target_scale is None:
            return self.y[split]
        mean, deviation = self.target_scale
        return ((self.y[split] - mean) / deviation).astype(np.float32)


def load(folder: Path, budget: Budget, seed: int, splits: tuple[str, ...]) -> Dataset:
    """Arrays of `splits`; train is cut to the budget by a stratified draw of `seed`, validation by a fixed one.

    DataError, with counts, where a draw is so small that a class has no item in it.
    """
    x: dict[str, np.ndarray | Mapped] = {}
    y: dict[str, Any] = {}
    meta = read_json(folder / "meta.json")
    texts = read_json(folder / SENTENCES) if meta.get("writes") else {}
    sentences = {}
    limits = {"train": (budget.samples, seed), "validation": (budget.validation, VALIDATION_SEED)}
    for split in splits:
        labels = _labels(folder, split, meta)
        size, draw = limits.get(split, (None, 0))
        chosen = None
        if size is not None and size < len(labels):
            tagged = isinstance(labels, ragged.Ragged)
            alike = np.zeros(len(labels), np.int64) if tagged else strata(np.asarray(labels))
            chosen = stratified(alike, size, np.random.default_rng([draw, 1]))
            labels = labels.take(chosen) if tagged else labels[chosen]
            if meta["classes"] and not tagged:
                _require_every_class(np.bincount(labels, minlength=len(meta["classes"])), meta["classes"], split)
        x[split] = _items(folder, split, meta, chosen)
        y[split] = labels if isinstance(labels, ragged.Ragged) else np.array(labels)
        if split in texts:
            sentences[split] = np.array(texts[split], object)[labels.chosen]
    return Dataset(x, y, meta, sentences)


def carry(source: Path, target: Path) -> None:
    """Copy the tokenizer from a folder to another, where there is one."""
    if (source / TOKENIZER).is_file():
        shutil.copyfile(source / TOKENIZER, target / TOKENIZER)


def _items(folder: Path, split: str, meta: dict[str, Any], chosen: np.ndarray | None) -> np.ndarray | Mapped:
    if KINDS[meta["kind"]].ragged:
        found = ragged.load(folder, f"x_{split}", meta["vocabulary"]["padding"], *meta["shape"])
        return found if chosen is None else found.take(chosen)
    return arrays.load(np.load(folder / f"x_{split}.npy", mmap_mode="r", allow_pickle=False), chosen)


def _labels(folder: Path, split: str, meta: dict[str, Any]) -> Any:
    """(N,), or of each token where words have targets of their own."""
    if (folder / f"y_{split}_bounds.npy").is_file():
        return ragged.load(folder, f"y_{split}", IGNORED, *meta["shape"])
    return np.load(folder / f"y_{split}.npy", mmap_mode="r", allow_pickle=False)


def _require_every_class(counts: np.ndarray, classes: list[str], split: str) -> None:
    if not counts.all():
        table = ", ".join(f"{c} {n}" for c, n in zip(classes, counts, strict=True))
        raise DataError(f"the budget's {counts.sum()} {split} items leave a class without any ({table}); raise it")


def scaling(statistics: dict[str, list[float]], how: str, view: str) -> tuple[np.ndarray, np.ndarray]:
    """(shift, factor), float32, one value a channel or column: a scaled input is (x - shift) * factor.

    A constant channel or column keeps the factor 1. Of text the factors are what its view weighs tokens by.
    """
    if "idf" in statistics:
        weights = statistics["idf"] if view == "tfidf" else [1.0]
        return np.zeros(1, np.float32), np.asarray(weights, np.float32)
    low, high, mean, std = (np.asarray(statistics[s]) for s in ("minimum", "maximum", "mean", "std"))
    shift, width = {
        "none": (np.zeros_like(mean), np.ones_like(mean)),
        "unit": (low, high - low),
        "symmetric": ((low + high) / 2, (high - low) / 2),
        "standardise": (mean, std),
    }[how]
    return shift.astype(np.float32), (1.0 / np.where(width > 0, width, 1.0)).astype(np.float32)


def class_weights(y: np.ndarray, classes: int) -> np.ndarray:
    """Float32 (classes,): inverse frequencies whose mean over the items of `y` is 1."""
    return (len(y) / (classes * np.bincount(y, minlength=classes))).astype(np.float32)
