"""Beam search with what is cached, against decoding the whole prefix for every token and against transformers' own.

A Transformer of width 256 with 3 + 3 layers and random weights translates 64 sentences, 5 beams each. Untrained weights
do not end by themselves, so every translation has 50 tokens, the end included. Whole prefixes are decoded by the same
search, which encodes each sentence once and asks for the logits of the last position alone; what it saves is nothing
else. transformers has the same weights in its Marian, which is the same network but for the order of sines and cosines,
so it is given our positions. Both have to give equal logits first, and equal translations. What differs: transformers
copies keys and values where beams change places, and those of the source for each beam; ours moves neither.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, MarianConfig, MarianMTModel

from bench.figures import Figure, apart, clocked, compared
from pipeline.data.spec import Vocabulary
from pipeline.models import transformer
from pipeline.models._decoding import BOS, EOS, beam_search

ROUNDS = {"the whole prefix": 3, "transformers' generate": 7}
LIMITS = {"the whole prefix": 1 / 8, "transformers' generate": 1.0}
SENTENCES, BEAMS, TOKENS, VOCABULARY = 64, 5, 50, 8000
WIDTH, LAYERS, HEADS, HIDDEN = 256, 3, 8, 1024
SIZES = {"layers": LAYERS, "attention_heads": HEADS, "ffn_dim": HIDDEN}
TIED = {"lm_head.weight", "final_logits_bias", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"}


class Whole:
    """A network that keeps nothing but what was written so far."""

    def __init__(self, network: transformer.Transformer) -> None:
        self.network, self.padding = network, network.padding

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.encode(source)

    def begin(self, memory: tuple[Tensor, Tensor], beams: int, longest: int) -> "Prefixes":
        return Prefixes([x.repeat_interleave(beams, dim=0) for x in memory], beams)

    def step(self, tokens: Tensor, state: "Prefixes") -> Tensor:
        state.written = torch.cat([state.written, tokens[:, :, None]], dim=2)
        states = self.network.decode(state.written.flatten(0, 1), (state.memory[0], state.memory[1]))
        return self.network.logits(states[:, -1]).unflatten(0, tokens.shape)


class Prefixes:
    """written: (N, B, T). memory: of the source, once for each beam."""

    def __init__(self, memory: list[Tensor], beams: int) -> None:
        self.memory, count = memory, len(memory[0]) // beams
        self.written = torch.empty(count, beams, 0, dtype=torch.long)

    def follow(self, parents: Tensor) -> None:
        self.written = self.written.gather(1, parents[:, :, None].expand_as(self.written))

    def keep(self, sentences: Tensor) -> None:
        raise NotImplementedError("all sentences here are equally long")


def measure() -> Iterator[Figure]:
    """Of `work`, in a process of its own."""
    yield from (Figure(**figure) for figure in apart("bench.decoding"))


def work() -> Iterator[Figure]:
    """Seconds of the processor in turn, one thread; a warm-up of each first."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network: Any = transformer.build(
        (TOKENS,),
        VOCABULARY,
        Vocabulary(size=VOCABULARY),
        width=WIDTH,
        layers=LAYERS,
        heads=HEADS,
        hidden=HIDDEN,
    ).eval()
    source = torch.randint(4, VOCABULARY, (SENTENCES, TOKENS))
    lengths = torch.randint(TOKENS // 2, TOKENS + 1, (SENTENCES, 1))
    source[torch.arange(TOKENS) >= lengths] = network.padding
    ours = searched(network, source)
    peers = {"the whole prefix": searched(Whole(network), source), "transformers' generate": generated(network, source)}
    for name, peer in peers.items():
        if not torch.equal(ours(), peer()):
            raise AssertionError(f"decoding: {name} gives other translations")
        pairs = [[clocked(way)[0][1] for way in (ours, peer)] for _ in range(ROUNDS[name])]
        mine, theirs = (list(times) for times in zip(*pairs, strict=True))
        yield compared(f"beam search, {SENTENCES} sentences of {TOKENS} tokens", name, mine, theirs, "s", LIMITS[name])


def searched(network: Any, source: Tensor) -> Callable[[], Tensor]:
    longest = torch.full((len(source),), TOKENS)
    return lambda: beam_search(network, source, longest, beams=BEAMS, shortest=TOKENS).tokens


def generated(network: transformer.Transformer, source: Tensor) -> Callable[[], Tensor]:
    """transformers' translations, without the token that they begin with."""
    peer = marian(network)
    mask = (source != network.padding).long()
    with torch.inference_mode():
        target = source[:, :10]
        expected = peer(input_ids=source, attention_mask=mask, decoder_input_ids=target).logits
        torch.testing.assert_close(network(source, target), expected, atol=1e-4, rtol=1e-4)
    config = GenerationConfig(
        num_beams=BEAMS,
        length_penalty=1.0,
        max_new_tokens=TOKENS,
        min_new_tokens=TOKENS - 1,
        suppress_tokens=[network.padding, BOS],
        decoder_start_token_id=BOS,
        pad_token_id=network.padding,
        eos_token_id=EOS,
    )

    ends = LogitsProcessorList([End()])

    def generate() -> Tensor:
        with torch.inference_mode():
            return peer.generate(
                input_ids=source, attention_mask=mask, generation_config=config, logits_processor=ends
            )[:, 1:]

    return generate


class End(LogitsProcessor):
    """The last token is the end, at its own log-probability; transformers' own way to force it counts it as certain."""

    def __call__(self, written: Tensor, scores: Tensor) -> Tensor:
        if written.shape[1] < TOKENS:
            return scores
        return torch.full_like(scores, -torch.inf).index_copy(1, torch.tensor([EOS]), scores[:, [EOS]])


def marian(network: transformer.Transformer) -> MarianMTModel:
    """transformers' network with the weights of ours."""
    sizes: dict[str, Any] = {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in SIZES.items()}
    peer = MarianMTModel(
        MarianConfig(
            vocab_size=VOCABULARY,
            d_model=WIDTH,
            activation_function="relu",
            scale_embedding=True,
            max_position_embeddings=len(network.positions.table),
            pad_token_id=network.padding,
            eos_token_id=EOS,
            forced_eos_token_id=None,
            decoder_start_token_id=BOS,
            **sizes,
        )
    )
    state = {"model.shared.weight": network.embedding.weight}
    for side in ("encoder", "decoder"):
        state[f"model.{side}.embed_positions.weight"] = network.positions.table
        for number, layer in enumerate(getattr(network, side)):
            state |= {f"model.{side}.layers.{number}.{name}": weight for name, weight in weights_of(layer)}
    missing, unexpected = peer.load_state_dict(state, strict=False)
    if unexpected or set(missing) - TIED:
        raise AssertionError(f"decoding: transformers' Marian has other weights: {missing}, {unexpected}")
    peer.tie_weights()
    return peer.eval()


def weights_of(layer: Any) -> Iterator[tuple[str, Tensor]]:
    """Of one of our layers, by transformers' names."""
    parts = {"fc1": layer.network[0], "fc2": layer.network[2], "final_layer_norm": layer.residuals[-1].norm}
    attentions = {"self_attn": layer.attention} | ({"encoder_attn": layer.cross} if layer.cross else {})
    for (name, attention), residual in zip(attentions.items(), layer.residuals[:-1], strict=True):
        parts |= {f"{name}_layer_norm": residual.norm, f"{name}.q_proj": attention.query}
        parts |= {f"{name}.out_proj": attention.out}
        for kind, tensor in attention.memory.named_parameters():
            keys, values = tensor.chunk(2)
            yield from ((f"{name}.k_proj.{kind}", keys), (f"{name}.v_proj.{kind}", values))
    yield from ((f"{name}.{kind}", p) for name, part in parts.items() for kind, p in part.named_parameters())


if __name__ == "__main__":
    for figure in work():
        print(json.dumps(asdict(figure)), flush=True)
