"""Studies, pretraining, and where weights come from: what is refused."""

from typing import Any

from tests.config.texts import START, cases, refused

REFUSED = [
    ("weights: pictures_simclr", "weights: pictures_simcrl", f"{START}.weights", "did you mean 'pictures_simclr'?"),
    ("train: head", "train: heads", f"{START}.train", "Input should be 'all', 'head', 'top', 'gradual' or 'lora'"),
    ("train: head}", "train: head, layer_decay: 0.5}", f"{START}.layer_decay", "nothing below it is trained"),
    (
        "probe, start: {weights: pictures_simclr, train: head}",
        "probe, set: {l1: 0.001, l1_form: proximal}, start: {weights: pictures_simclr, layer_decay: 0.5}",
        f"{START}.layer_decay",
        "a proximal l1 has one rate for all weights",
    ),
    ("train: head}", "head: kept}", f"{START}.head", "pictures_simclr has no head for this task"),
    (
        "probe, start: {weights: pictures_simclr, train: head}",
        "probe, set: {compile: true}, start: {weights: pictures_simclr, train: gradual}",
        f"{START}.train",
        "every block that thaws is another graph to compile",
    ),
    (
        "probe, start: {weights: pictures_simclr, train: head}",
        "probe, set: {max_norm: 1.0}, start: {weights: pictures_simclr, train: gradual}",
        f"{START}.train",
        "would move weights that are still frozen",
    ),
    (
        "probe, start: {weights: pictures_simclr, train: head}",
        "probe, set: {optimizer: muon, momentum: 0.9}, start: {weights: pictures_simclr, layer_decay: 0.5}",
        f"{START}.layer_decay",
        "muon has one rate for all its matrices",
    ),
    (
        "recipe: quick, view: none, args: {}, set: {},",
        "recipe: quick, view: rows, args: {}, set: {},",
        f"{START}.weights",
        "pictures_simclr has learnt from view 'rows', but here it is 'none'",
    ),
    (
        "method: simclr",
        "only: [paper], method: simclr",
        f"{START}.weights",
        "pictures_simclr is there only in paper",
    ),
    (
        "method: simclr",
        "start: {weights: flowers_mlp}, method: simclr",
        "pretraining.pictures_simclr.start",
        "a pretraining starts from random weights",
    ),
    (
        "method: simclr",
        "start: {weights: flowers_mlp}, method: simclr",
        f"{START}.weights",
        "pictures_simclr starts from other weights itself",
    ),
    (
        "studies:\n",
        "  fewer_2: {data: pictures, model: models/cnn, recipe: quick, view: none, args: {}, set: {},\n"
        "    method: simclr, options: {}}\nstudies:\n",
        "studies.fewer.vary.1",
        "the point is fewer_2 in cells, and so is an entry of that name",
    ),
    (
        "of: pictures_cnn, vary",
        "of: pictures_cnn, set: {lrr: 0.1}, vary",
        "studies.fewer.set.lrr",
        "did you mean 'lr'?",
    ),
    ("label: probe", "label: scratch", "studies.fewer.vary.1", "point 0 is 'scratch' too; give it a label"),
    ("[{label: scratch}, {label: probe, ", "[{}, {}, {", "studies.fewer.vary.1", "point 0 is 'as in the table' too"),
    ("of: pictures_cnn, vary", "of: flowers_svm, kind: ending, vary", "studies.fewer.vary.0", "has no epochs"),
    ("cnn, vary: [{label: scratch}", "cnn, vary: [{budget: {epochs: null}}", "studies.fewer.vary.0.budget", "a number"),
    ("probe, start", "probe, args: {filters: [8]}, start", f"{START}.weights", "of filters [32], but here it is [8]"),
    (
        "probe, start",
        "probe, set: {scaling: unit}, start",
        f"{START}.weights",
        "scaling 'standardise', but here it is 'unit'",
    ),
    ("probe, start", "probe, set: {initialisation: orthogonal}, start", START, "over initialisation 'orthogonal'"),
    ("probe, start", "probe, set: {mixup: 0.2}, start", START, "features are computed once: mixup 0.2"),
    ("weights: pictures_simclr", "weights: flowers_mlp", f"{START}.weights", "of models/mlp, not of models/cnn"),
    ("weights: pictures_simclr", "weights: shapes-mlp/1", f"{START}.weights", "unknown registered model 'shapes-mlp'"),
    (
        "weights: pictures_simclr",
        "weights: pipeline/models/cards/efficientnet_lite9.yaml",
        f"{START}.weights",
        "unknown card of weights",
    ),
    (
        "weights: pictures_simclr",
        "weights: pipeline/models/cards/efficientnet_lite1.yaml",
        f"{START}.weights",
        "has weights of models/efficientnet_lite, not of models/cnn",
    ),
    (
        "args: {}, set: {}}\nvariants",
        "args: {}, set: {}, start: {weights: pictures_simclr}}\nvariants",
        "experiments.pictures_cnn.start.weights",
        "is a point of a study",
    ),
    ("of: pictures_cnn, vary", "of: flowers_svm, vary", START, "classical/svm is no network"),
    (
        "set: {}}\n  flowers_svm",
        "set: {}, only: [studis]}\n  flowers_svm",
        "experiments.flowers_mlp.only.0",
        "'studies'?",
    ),
    (
        "recipe: quick, view: none, args: {}, set: {},",
        "recipe: quick, view: none, args: {}, set: {label_smoothing: 0.1},",
        "pretraining.pictures_simclr",
        "simclr knows no label_smoothing, but it is 0.1; set it to 0.0",
    ),
    ("method: simclr", "method: simcrl", "pretraining.pictures_simclr.method", "did you mean 'simclr'?"),
    (
        "method: simclr",
        "method: masked_autoencoder",
        "pretraining.pictures_simclr.model",
        "unknown model for masked_autoencoder 'models/cnn'",
    ),
    (
        "options: {}}\nstudies",
        "options: {temperatur: 1.0}}\nstudies",
        "pretraining.pictures_simclr.options.temperatur",
        "did you mean 'temperature'?",
    ),
    (
        "pictures_simclr: {data: pictures",
        "pictures_simclr: {data: flowers",
        "pretraining.pictures_simclr.data",
        "simclr is of images, but flowers is tabular",
    ),
]


@cases(REFUSED)
def test_refused_with_key_line_and_advice(check: Any, before: str, after: str, key: str, said: str) -> None:
    refused(check, before, after, key, said)
