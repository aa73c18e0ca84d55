"""Folders of weights, and how much of a network is trained: what is refused, with what to write instead."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import folders, starts
from pipeline.config.sections import Experiment, Params
from pipeline.training.start import Start
from tests.config.texts import START, STARTS, cases, refused

PROBE = "start: {weights: pictures_simclr, train: head}"
TINY = {"model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12}
TINY |= {"intermediate_size": 1536, "max_position_embeddings": 512, "hidden_act": "gelu"}
BASE = {"num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072}

REFUSED = [
    (PROBE, "start: {weights: pictures_simclr, train: top}", START, "train top needs layers"),
    (PROBE, "start: {weights: pictures_simclr, train: lora, rank: 8}", START, "train lora needs rank and alpha"),
    (PROBE, "start: {weights: pictures_simclr, layers: 2}", START, "layers is of train top, but train is all"),
    (
        PROBE,
        "start: {weights: pictures_simclr, train: head, rank: 8}",
        START,
        "rank is of train lora, but train",
    ),
    (
        PROBE,
        "start: {weights: pictures_simclr, train: lora, rank: 8, alpha: 16.0}",
        f"{START}.train",
        "models/cnn names no layers for lora; models/bert does; take top, gradual or all",
    ),
    (
        PROBE,
        "set: {max_norm: 1.0}, start: {weights: pictures_simclr, train: top, layers: 1}",
        f"{START}.train",
        "would move weights that are still frozen",
    ),
    ("weights: pictures_simclr", "weights: ./mine", f"{START}.weights", "models/cnn takes no folder of weights"),
    ("weights: pictures_simclr", "weights: ./mine, head: kept", f"{START}.head", "./mine has no head for this task"),
]


@cases(REFUSED)
def test_refused_with_key_line_and_advice(check: Any, before: str, after: str, key: str, said: str) -> None:
    refused(check, before, after, key, said)


@pytest.fixture
def said(check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is wrong with starting BERT from a folder of these files, config.json and arguments."""
    monkeypatch.setattr(folders, "ROOT", tmp_path)
    params: Params = check(STARTS)

    def said(files: list[str], config: Any = None, args: dict[str, Any] | None = None) -> list[str]:
        folder = tmp_path / "weights" / "mine"
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            (folder / name).write_text("")
        if config is not None:
            (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
        row = Experiment(data="pictures", model="models/bert", recipe="quick", args=args or {})
        start = Start(weights="weights/mine")
        return [what for _, what in starts.start_problems(params, (), row, start, params.recipe_of("pictures_cnn"))]

    return said


def test_a_folder_of_the_row_s_own_size_is_taken(said: Any) -> None:
    assert said(["model.safetensors"], TINY) == []
    args = {"layers": 12, "width": 768, "hidden": 3072, "pool": "cls"}
    assert said(["model.safetensors"], TINY | BASE, args) == []


@pytest.mark.parametrize(
    ("files", "config", "args", "what"),
    [
        ([], None, {}, "weights/mine has no config.json and no model.safetensors"),
        (["model.safetensors"], "{", {}, "weights/mine/config.json is no JSON object"),
        (["model.safetensors"], [1], {}, "weights/mine/config.json is no JSON object"),
        (["model.safetensors"], {}, {}, "says model_type None, but models/bert is of 'bert' alone"),
        (
            ["model.safetensors"],
            TINY | {"model_type": "roberta"},
            {},
            "says model_type 'roberta', but models/bert is",
        ),
        (
            ["model.safetensors"],
            TINY | {"hidden_act": "relu"},
            {},
            "says hidden_act 'relu', but models/bert is",
        ),
        (["model.safetensors"], {"model_type": "bert"}, {}, "config.json does not say num_hidden_layers, hidden_size"),
        (
            ["pytorch_model.bin"],
            TINY,
            {},
            "convert it: python -c \"from transformers import AutoModel; AutoModel.from_pretrained('weights/mine')",
        ),
        (
            ["model.safetensors"],
            TINY | BASE,
            {"heads": 8},
            "weights/mine has weights of layers 12, not 6, width 768, not 384, heads 12, not 8, hidden 3072, not 1536; "
            "write args: {layers: 12, width: 768, heads: 12, hidden: 3072}",
        ),
    ],
)
def test_a_folder_that_is_none_or_of_another_network_is_refused(
    said: Any, files: list[str], config: Any, args: dict[str, Any], what: str
) -> None:
    (found,) = said(files, config, args)
    assert what in found


def test_no_such_folder(said: Any, check: Any) -> None:
    params: Params = check(STARTS)
    row, start = Experiment(data="pictures", model="models/bert", recipe="quick"), Start(weights="shapes/latest")
    found = list(starts.start_problems(params, (), row, start, params.recipe_of("pictures_cnn")))
    assert found == [(("weights",), "no such folder shapes/latest (a registered version would be <name>/<number>)")]


@pytest.mark.parametrize(
    ("weights", "kind"),
    [
        ("pipeline/models/cards/minilm.yaml", "card"),
        ("lenet5/3", "version"),
        ("lenet5@champion", "version"),
        ("./bert-base", "folder"),
        ("/srv/bert/1", "folder"),
        ("a_row", None),
    ],
)
def test_what_the_weights_of_a_start_are_is_told_by_their_name(weights: str, kind: str | None) -> None:
    start = Start(weights=weights)
    told = {"card": start.is_card, "version": start.is_version, "folder": start.is_folder}
    assert [name for name, value in told.items() if value] == ([kind] if kind else [])


def test_a_start_says_no_more_than_it_did_before_there_were_layers_and_ranks() -> None:
    """Its words are part of a cell's key and of what results are of."""
    said = Start(weights="a_row").model_dump()
    assert said == {"weights": "a_row", "head": "new", "train": "all", "layer_decay": 1.0}
    top = Start(weights="a_row", train="top", layers=2)
    assert Start(**top.model_dump()) == top and "rank" not in top.model_dump(mode="json")
