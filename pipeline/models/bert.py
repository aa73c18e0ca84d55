"""BERT: a Transformer encoder over tokens, made of transformers' parts, with MiniLM's weights (cards/minilm.yaml).

Devlin et al. (2019): BERT: pre-training of deep bidirectional Transformers for language understanding, section 3. The
defaults are the size of MiniLM with 6 layers (Wang et al. 2020: MiniLM: deep self-attention distillation for
task-agnostic compression of pre-trained Transformers); bert-base has 12 layers of width 768 with 12 heads and 3072
hidden units. The weights that are shipped, all-MiniLM-L6-v2, are no language model's but a sentence encoder's
(Reimers, Gurevych 2019: Sentence-BERT), whose own pooling is the mean over tokens, so that is the default here.
Departures: a text is one segment, so every token has type 0; with pool `cls` the head is on the first token's last
state, as section 4.1 has it, without the dense layer and tanh that the authors' code puts between.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from pipeline.data.spec import Vocabulary

INPUTS = ("tokens",)
REQUIRES = (
    ({"target": ("tags",)}, "it scores every token", {"pool": "none"}),
    ({"pool": ("none",)}, "every token has a tag", {"target": "tags"}),
    ({"last_layer": ("plain",)}, "a Bayesian layer gives one answer an item", {"pool": "none"}),
)
LORA = ("query", "value")  # the dense layers that low-rank matrices stand beside (Hu et al. 2022, section 4.2)
# What config.json of a folder of weights calls our options, and what it has to say of all else.
OPTIONS = {
    "num_hidden_layers": "layers",
    "hidden_size": "width",
    "num_attention_heads": "heads",
    "intermediate_size": "hidden",
    "max_position_embeddings": "positions",
}
FIXED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
OLD = {"gamma": "weight", "beta": "bias"}  # what the first BERT calls the two of a layer norm


class Bert(nn.Module):
    """The embeddings and layers of `model`, pooling, head. padding: the token that fills up shorter texts."""

    def __init__(self, model: BertModel, padding: int, pool: str, dropout: float, outputs: int) -> None:
        super().__init__()
        self.padding, self.pool = padding, pool
        self.embeddings, self.layers = model.embeddings, model.encoder.layer
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(model.config.hidden_size, outputs)
        nn.init.normal_(self.head.weight, std=model.config.initializer_range)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        there = tokens != self.padding
        there[:, 0] = True  # so that even a text without any token gives a number
        x = self.embeddings(tokens)
        for layer in self.layers:
            x = layer(x, there[:, None, None, :])
        if self.pool == "cls":
            x = x[:, 0]
        elif self.pool == "mean":
            x = (x * there[:, :, None]).sum(1) / there.sum(1, keepdim=True)
        return self.head(self.dropout(x))


def build(
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: Vocabulary | None = None,
    *,
    layers: Annotated[int, Field(ge=1)] = 6,
    width: Annotated[int, Field(ge=1)] = 384,
    heads: Annotated[int, Field(ge=1)] = 12,
    hidden: Annotated[int, Field(ge=1)] = 1536,
    positions: Annotated[int, Field(ge=1)] = 512,
    pool: Literal["cls", "mean", "none"] = "mean",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
) -> nn.Module:
    """Tokens (N, T), the first of a text standing for all of it with pool `cls`, to logits or values (N, outputs).

    positions: the longest text that it has positions for. pool: `none` keeps the outputs of every token, (N, T,
    outputs). dropout: of embeddings, of attention, of what every part adds, and before the head.
    """
    if vocabulary is None:
        raise ValueError("bert: a network of tokens needs their `vocabulary`: how many there are, and which is padding")
    if width % heads:
        raise ValueError(f"bert: width {width} is no multiple of {heads} heads")
    if shape[0] > positions:
        raise ValueError(
            f"bert: texts of {shape[0]} tokens, but {positions} positions; cut texts to {positions} tokens, or take "
            "more positions and no weights that have fewer"
        )
    config = BertConfig(
        vocab_size=vocabulary.size,
        pad_token_id=vocabulary.padding,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=hidden,
        max_position_embeddings=positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )
    model = BertModel(config, add_pooling_layer=False)
    return Bert(model, vocabulary.padding, pool, dropout, outputs)


def shipped(folder: Path, **args: Any) -> dict[str, Tensor]:
    """Weights in `folder`, as transformers names them, by the names of `build`'s body; heads of theirs are left out."""
    found = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        own = name.removeprefix("bert.").replace("encoder.layer.", "layers.")
        own = re.sub("LayerNorm.(gamma|beta)$", lambda m: f"LayerNorm.{OLD[m[1]]}", own)
        if own.startswith(("embeddings.", "layers.")) and own != "embeddings.position_ids":
            found[own] = tensor.float()
    return found
