"""LSTM encoder and decoder with global attention.

Luong, Pham, Manning (2015): Effective approaches to attention-based neural machine translation, sections 3.1 and 3.3;
the defaults are the sizes of section 4.1. Departures: the encoder reads in both directions (Bahdanau et al. 2015), each
of half the width, in place of a reversed source; source and target have one table of tokens; the attentional vector is
dropped out before the output too; weights start as torch starts them, since embeddings within [-0.1, 0.1] tell tokens
apart too little for small layers to learn within few epochs.
"""

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipeline.data.spec import Vocabulary
from pipeline.models._decoding import Writer
from pipeline.models._layers import require_vocabulary

INPUTS = ("tokens",)
REQUIRES = (({"target": ("sentence",)}, "it writes sentences"),)


class Memory(NamedTuple):
    """states: (N, S, H) of the last layer. there: bool (N, S). last: hidden and cell states at the end, (L, N, H)."""

    states: Tensor
    there: Tensor
    last: tuple[Tensor, Tensor]


class Cache:
    """Of N sentences, B beams each: source, (N, S, H) and its keys; cells, hidden and cell states (L, N, B, H).

    attentional: the vector of the last step (N, B, H), which is fed to the next (section 3.3).
    """

    def __init__(self, memory: Memory, keys: Tensor, beams: int) -> None:
        self.states, self.there, self.keys = memory.states, memory.there[:, None], keys
        self.cells = [x[:, :, None].expand(-1, -1, beams, -1) for x in memory.last]
        self.attentional = torch.zeros_like(self.cells[0][0])

    def follow(self, parents: Tensor) -> None:
        """See `pipeline.models._decoding.State`."""
        places = parents[:, :, None].expand_as(self.attentional)
        self.attentional = self.attentional.gather(1, places)
        self.cells = [x.gather(2, places.expand_as(x)) for x in self.cells]

    def keep(self, sentences: Tensor) -> None:
        self.states, self.there, self.keys = (x[sentences] for x in (self.states, self.there, self.keys))
        self.attentional, self.cells = self.attentional[sentences], [x[:, sentences] for x in self.cells]


class Translator(Writer):
    """attention: the score of section 3.1, `dot` or `general`. feed: whether input feeding (section 3.3) is done."""

    def __init__(
        self, vocabulary: Vocabulary, width: int, hidden: int, layers: int, attention: str, feed: bool, dropout: float
    ) -> None:
        super().__init__()
        self.padding, self.feed = vocabulary.padding, feed
        self.embedding, self.dropout = nn.Embedding(vocabulary.size, width), nn.Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.encoder = nn.LSTM(width, hidden // 2, layers, batch_first=True, bidirectional=True, dropout=between)
        self.decoder = nn.LSTM(width + hidden * feed, hidden, layers, batch_first=True, dropout=between)
        self.keys = nn.Linear(hidden, hidden, bias=False) if attention == "general" else nn.Identity()
        self.combine = nn.Linear(2 * hidden, hidden, bias=False)
        self.output = nn.Linear(hidden, vocabulary.size, bias=False)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Tokens (N, S), padded, and (N, T), BOS first, to logits of the token after each (N, T, V)."""
        cache = self.begin(self.encode(source), 1, target.shape[1])
        steps = self.embed(target).split(1, dim=1)
        return self.logits(torch.cat([self.advance(x, cache) for x in steps], dim=1))

    def encode(self, source: Tensor) -> Memory:
        """(N, S) to what the decoder starts from."""
        there = source != self.padding
        packed = pack_padded_sequence(self.embed(source), there.sum(1).cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.shape[1])
        hidden, cell = (torch.cat([x[0::2], x[1::2]], dim=2) for x in last)
        return Memory(states, there, (hidden, cell))

    def begin(self, memory: Memory, beams: int, longest: int) -> Cache:
        """See `pipeline.models._decoding.Translator`."""
        return Cache(memory, self.keys(memory.states), beams)

    def step(self, tokens: Tensor, cache: Cache) -> Tensor:
        """The newest token of each beam (N, B) to logits of the next (N, B, V)."""
        return self.logits(self.advance(self.embed(tokens), cache))

    def advance(self, x: Tensor, cache: Cache) -> Tensor:
        """One token of each beam (N, B, E) to the attentional vectors, (N, B, H): equation 5."""
        if self.feed:
            x = torch.cat([x, cache.attentional], dim=2)
        top, cells = self.decode(x.flatten(0, 1), [state.flatten(1, 2) for state in cache.cells])
        cache.cells = [state.unflatten(1, x.shape[:2]) for state in cells]
        top = self.dropout(top.view(*x.shape[:2], -1))
        scores = (top @ cache.keys.mT).masked_fill(~cache.there, -torch.inf)
        context = scores.softmax(2) @ cache.states
        cache.attentional = self.combine(torch.cat([context, top], dim=2)).tanh()
        return cache.attentional

    def decode(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """One step of the decoder's layers: (M, E) and states (L, M, H) to the last layer's (M, H) and the new states.

        By cells: a whole layer that is called for one step has its weights packed anew each time, which takes as long
        as the step.
        """
        after: list[tuple[Tensor, Tensor]] = []
        for weights, hidden, cell in zip(self.decoder.all_weights, *states, strict=True):
            if after:
                x = functional.dropout(x, self.decoder.dropout, self.training)
            after.append(torch.lstm_cell(x, [hidden, cell], *weights))
            x = after[-1][0]
        return x, [torch.stack(state) for state in zip(*after, strict=True)]

    def embed(self, tokens: Tensor) -> Tensor:
        return self.dropout(self.embedding(tokens))

    def logits(self, x: Tensor) -> Tensor:
        return self.output(self.dropout(x))


def build(
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: Vocabulary | None = None,
    *,
    width: Annotated[int, Field(ge=1)] = 1000,
    hidden: Annotated[int, Field(ge=2, multiple_of=2)] = 1000,
    layers: Annotated[int, Field(ge=1)] = 4,
    attention: Literal["dot", "general"] = "general",
    input_feeding: bool = True,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
    beams: Annotated[int, Field(ge=1)] = 4,
    alpha: Annotated[float, Field(ge=0)] = 0.6,
) -> nn.Module:
    """Source (N, S) and target (N, T) of any lengths to logits (N, T, outputs).

    width: of tokens. hidden: units of a decoder's layer, and of both directions of an encoder's together.
    beams, alpha: as of `transformer`.
    """
    vocabulary = require_vocabulary("lstm_attention", outputs, vocabulary)
    network = Translator(vocabulary, width, hidden, layers, attention, input_feeding, dropout)
    return network.searching(beams=beams, alpha=alpha)
