"""Bidirectional LSTM whose scores of tags go into a conditional random field, which chooses a whole sequence of tags.

Huang, Xu, Yu (2015): Bidirectional LSTM-CRF models for sequence tagging; Lample et al. (2016): Neural architectures for
named entity recognition, section 2, whose dropout of the vectors of words is the default here. The LSTM is that of
`lstm.py`, the field that of `_crf.py`.

The field runs over all tokens of a sentence, in training and in use. Where a token has no tag of its own, as a later
piece of a word has none, training sums over all tags that it could have, so that what is learnt is what is used.

Departures: no features of spelling beside the tokens, and no vectors trained before.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from pipeline.data.spec import Vocabulary
from pipeline.models._crf import CRF, IGNORED
from pipeline.models._recurrent import Recurrent, initialise
from pipeline.models._tokens import Tokens

INPUTS = ("tokens",)
REQUIRES = (
    ({"target": ("tags",)}, "it scores every token"),
    ({"sampling": ("none", "balanced"), "label_smoothing": (0.0,)}, "its loss is its own"),
    ({"mixup": (0.0,), "cutmix": (0.0,)}, "its loss is its own"),
    ({"loss": ("default",)}, "its loss is its own"),
    ({"last_layer": ("plain",)}, "it does not end with a dense layer"),
)


class LstmCrf(nn.Module):
    """Tokens (N, T) to scores (N, T, K), in use those of `CRF.best_scores`: no logits, and no probabilities either."""

    probabilistic = False

    def __init__(self, emissions: Recurrent, crf: CRF) -> None:
        super().__init__()
        self.emissions, self.crf = emissions, crf

    def forward(self, x: Tensor) -> Tensor:
        """Scores whose largest at each token is its tag in the best sequence; in training, the LSTM's own scores."""
        emissions, there = self.emissions.scored(x)
        return emissions if self.training else self.crf.best_scores(emissions, there)

    def training_loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(negative log-likelihood of the sentences, as a mean over tokens that have a tag, in nats; `forward(x)`)."""
        emissions, there = self.emissions.scored(x)
        loss = self.crf.negative_log_likelihood(emissions, there, y).sum() / (y != IGNORED).sum().clamp_min(1)
        return loss, emissions if self.training else self.crf.best_scores(emissions, there)


def build(
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: Vocabulary | None = None,
    *,
    hidden: Annotated[int, Field(ge=1)] = 128,
    layers: Annotated[int, Field(ge=1)] = 1,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    embedding: Annotated[int, Field(ge=1)] = 128,
    embedding_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
) -> nn.Module:
    """Tokens (N, T) to scores of tags (N, T, outputs). hidden: of each direction; the others as in `lstm`."""
    tokens = Tokens(vocabulary, embedding, embedding_dropout)
    network = Recurrent(nn.LSTM, tokens, outputs, hidden, layers, bidirectional=True, pool="none", dropout=dropout)
    initialise(network, forget_bias=1.0)
    return LstmCrf(network, CRF(outputs))
