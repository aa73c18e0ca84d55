"""A sentence for a sentence, written token by token.

A network is trained to predict each token of a translation from those before it; what counts is what it writes by
itself, by BLEU (Papineni et al. 2002) and chrF (Popovic 2015) of a whole split, as sacrebleu computes them (Post 2018).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sacrebleu.metrics import BLEU, CHRF
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.arrays import Mapped
from pipeline.data.dataset import IGNORED, Dataset
from pipeline.data.ragged import Ragged
from pipeline.data.raw import DataError
from pipeline.tasks._task import Answering, Loss, Task
from pipeline.training.recipe import Gradient

TARGET = "sentence"  # what `y` holds: tokens of texts
METRIC = "bleu"  # 0 to 100; what choices are made by, on validation, of a greedy search
LABEL = "BLEU"  # as people write it
DIRECTION = "maximize"
PERCENT = False
MARGIN = 1.0  # in the metric's unit: how far below the champion the smallest and the fastest may be
LOSSES = ("cross_entropy",)
WATCHED = "token_accuracy"  # each epoch: of the next token, given those before it
SOURCE, REFERENCE = 0, 1  # in the truth (N, 2)
GREEDY, BEAM = 0, 1  # in predictions (N, 2)


class Translation(Task):
    """Scores of training are (N, T, V), one for each token after the first; predictions are texts (N, 2)."""

    def encode(self, labels: np.ndarray, classes: list[str] | None) -> tuple[np.ndarray, list[str]]:
        """Texts, objects (N,), as they are."""
        if wrong := [label for label in labels.tolist() if not isinstance(label, str)]:
            what = f"{len(wrong)} of {len(labels)} targets are no texts: {wrong[0]!r}"
            raise DataError(f"{what}; pairs of texts are read by `parallel`, for example")
        return labels, []

    def counts(self, y: np.ndarray, classes: list[str]) -> list[int]:
        return [len(y)]

    def outputs(self, classes: list[str], tokens: int = 0) -> int:
        return tokens

    def forward(self, body: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Behind the end of a sentence nothing counts, so any token may stand there."""
        found: Tensor = body(x, y[:, :-1].clamp_min(0))
        return found

    def answers(self, y: Tensor | Ragged) -> Tensor:
        """All tokens but the first of each sentence."""
        if isinstance(y, Ragged):
            return torch.from_numpy(np.delete(y.flat(), y.lengths.cumsum() - y.lengths))
        y = y[:, 1:]
        return y[y != IGNORED]

    def scored(self, scores: Tensor, y: Tensor) -> Tensor:
        """By place: the backward pass of a mask takes longer than that of the loss."""
        return scores.flatten(0, 1).index_select(0, (y[:, 1:] != IGNORED).flatten().nonzero()[:, 0])

    def loss(self, scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy of logits (M, V) and tokens (M,)."""
        return functional.cross_entropy(scores, y, weight=weight, label_smoothing=label_smoothing)

    def losses(self, recipe: Gradient) -> Mapping[str, Loss]:
        return {"cross_entropy": self.loss}

    def state(self, scores: Tensor, y: Tensor) -> Tensor:
        """Number of tokens that have the largest logit."""
        return (scores.max(dim=1).indices == y).sum()[None]  # three times as fast as `argmax`, and the same

    def value(self, state: Sequence[float], y: Tensor) -> float:
        return state[0] / len(y)

    def answer(self, model: Answering, x: np.ndarray | Mapped) -> np.ndarray:
        """By beam search with the beams and the penalty of length that the model was built with, (N,)."""
        return np.array(model.texts(x))  # type: ignore[arg-type]

    def predictions(self, model: Answering, data: Dataset, split: str) -> np.ndarray:
        """Texts (N, 2): by greedy and by beam search."""
        x: Any = data.x[split]
        return np.stack([np.array(self.greedy(model, x)), self.answer(model, x)], axis=1)

    def greedy(self, model: Answering, x: Ragged) -> list[str]:
        return model.texts(x, beams=1, alpha=0.0)

    def truth(self, data: Dataset, split: str) -> np.ndarray:
        """Sources and references, (N, 2)."""
        return data.sentences[split]

    def validated(self, model: Answering, data: Dataset) -> dict[str, float]:
        """BLEU of a greedy search."""
        x: Any = data.x["validation"]
        references = data.sentences["validation"][:, REFERENCE].tolist()
        return {METRIC: BLEU().corpus_score(self.greedy(model, x), [references]).score}

    def decide(self, scores: np.ndarray) -> np.ndarray:
        return scores[:, BEAM]

    def quality(self, scores: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, Any]]:
        """BLEU and chrF, 0 to 100, of beam search; BLEU of greedy search, and of the sources as they are."""
        references = [y[:, REFERENCE].tolist()]
        beam, bleu = self.decide(scores).tolist(), BLEU()
        yield "bleu", bleu.corpus_score(beam, references).score
        yield "chrf", CHRF().corpus_score(beam, references).score
        yield "greedy_bleu", bleu.corpus_score(scores[:, GREEDY].tolist(), references).score
        yield "copied_bleu", bleu.corpus_score(y[:, SOURCE].tolist(), references).score
        yield "signature", str(bleu.get_signature())

    def written(self, scores: np.ndarray, y: np.ndarray) -> list[dict[str, str]]:
        names = ("source", "reference", "greedy", "beam")
        return [dict(zip(names, row, strict=True)) for row in np.concatenate([y, scores], axis=1).tolist()]

    def format(self, value: float) -> str:
        return f"{value:.2f} {LABEL}"


TASK = Translation(TARGET, METRIC, DIRECTION, PERCENT, WATCHED)
