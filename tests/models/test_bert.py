"""BERT beside transformers' own, on the shipped weights and on small random ones."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from pipeline import introspection
from pipeline.data import fetch
from pipeline.data.spec import Fetch, Vocabulary
from pipeline.models import bert
from pipeline.training import loading
from pipeline.training.blocks import blocks, head_name, replace

CARD = Path(bert.__file__).parent / "cards" / "minilm.yaml"
SMALL: dict[str, Any] = {"layers": 2, "width": 16, "heads": 2, "hidden": 32, "positions": 20}


def texts(words: int, padding: int = 0) -> Tensor:
    """Four texts of 20, 7, 1 and 15 tokens."""
    x = torch.randint(padding + 1, words, (4, 20), generator=torch.Generator().manual_seed(0))
    for text, length in enumerate((20, 7, 1, 15)):
        x[text, length:] = padding
    return x


def states(model: BertModel, x: Tensor, padding: int = 0) -> tuple[Tensor, Tensor]:
    """Of the last layer (N, T, D), as transformers computes them, and where there are tokens."""
    there = x != padding
    return model(input_ids=x, attention_mask=there.long()).last_hidden_state, there


@pytest.mark.slow
def test_shipped_weights_give_what_transformers_gives(tmp_path: Path) -> None:
    """The mean over tokens, which is the sentence encoder's own pooling, and the first token's state."""
    fetch.run(Fetch(source=str(CARD), card=True, digest=""), tmp_path, {})
    assert {p.name for p in tmp_path.iterdir()} == {
        "model.safetensors",
        "config.json",
        "tokenizer.json",
        "vocab.txt",
        "card.json",
    }
    theirs, x = BertModel.from_pretrained(tmp_path, local_files_only=True).eval(), texts(30_000)
    args = introspection.card("pipeline/models/cards/minilm.yaml")["args"]
    with torch.no_grad():
        last, there = states(theirs, x)
        mean = (last * there[:, :, None]).sum(1) / there.sum(1, keepdim=True)
        for pool, expected in (("mean", mean), ("cls", last[:, 0]), ("none", last)):
            body = bert.build((20,), 3, Vocabulary(size=30_522), pool=pool, **args).eval()
            loading.load(body, bert.shipped(tmp_path, **args), "new", "minilm")
            replace(body, "head", nn.Identity())
            seen = torch.where(there[:, :, None], body(x), expected) if pool == "none" else body(x)
            torch.testing.assert_close(seen, expected, atol=1e-5, rtol=0)


def test_padding_changes_nothing_whichever_token_it_is() -> None:
    for pool in ("cls", "mean", "none"):
        torch.manual_seed(0)
        body, x = bert.build((20,), 3, Vocabulary(size=50, padding=5), pool=pool, **SMALL).eval(), texts(50, 5)  # type: ignore[arg-type]
        with torch.no_grad():
            together = body(x)
            for text, length in enumerate((20, 7, 1, 15)):
                expected = together[text, :length] if pool == "none" else together[text]
                torch.testing.assert_close(body(x[text : text + 1, :length])[0], expected, atol=1e-5, rtol=0)


def test_its_blocks_are_the_embeddings_the_layers_and_the_head() -> None:
    body = bert.build((20,), 3, Vocabulary(size=50), **SMALL)
    names = [[type(module).__name__ for module in block] for block in blocks(body)]
    assert names == [["BertEmbeddings"], ["BertLayer"], ["BertLayer", "Dropout"], ["Linear"]]
    assert head_name(body) == "head"
    assert {n.rpartition(".")[2] for n, _ in body.named_modules()} >= set(bert.LORA)


def test_weights_of_other_forms_of_bert_are_taken(tmp_path: Path) -> None:
    """With the names of the first BERT, below a language model's head, in half the bits."""
    theirs = BertModel(BertConfig(vocab_size=50, **sizes(SMALL)))
    theirs.save_pretrained(tmp_path)
    plain = bert.shipped(tmp_path)
    renamed = {"cls.predictions.bias": torch.zeros(50), "bert.embeddings.position_ids": torch.zeros(1, 20)}
    for name, tensor in load_file(tmp_path / "model.safetensors").items():
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        renamed[f"bert.{old}"] = tensor.half()
    save_file(renamed, tmp_path / "model.safetensors")
    found = bert.shipped(tmp_path)
    assert found.keys() == plain.keys() and all(torch.equal(t, plain[n].half().float()) for n, t in found.items())
    loading.load(bert.build((20,), 3, Vocabulary(size=50), **SMALL), found, "new", "mine")
    with pytest.raises(ValueError, match=r"word_embeddings.weight is \(50, 16\) in it and \(51, 16\) in this network"):
        loading.load(bert.build((20,), 3, Vocabulary(size=51), **SMALL), found, "new", "mine")


def sizes(args: dict[str, int]) -> dict[str, int]:
    """As config.json calls them."""
    return {theirs: args[own] for theirs, own in bert.OPTIONS.items()}


@pytest.mark.parametrize(
    ("shape", "args", "why"),
    [
        ((21,), {}, "texts of 21 tokens, but 20 positions; cut texts to 20 tokens"),
        ((20,), {"heads": 3}, "width 16 is no multiple of 3 heads"),
    ],
)
def test_what_it_cannot_be_built_for_is_refused(shape: tuple[int, ...], args: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        bert.build(shape, 3, Vocabulary(size=50), **{**SMALL, **args})
    with pytest.raises(ValueError, match="a network of tokens needs their `vocabulary`"):
        bert.build((20,), 3)


def test_tags_are_of_tokens_and_all_else_is_of_texts() -> None:
    def refused(pool: str, target: str) -> str | None:
        return introspection.refused("models/bert", {"pool": pool}, {"last_layer": "plain"}, target, False)

    assert refused("none", "tags") is refused("mean", "class") is refused("cls", "number") is None
    assert "it scores every token" in str(refused("none", "class"))
    assert "every token has a tag" in str(refused("mean", "tags"))
