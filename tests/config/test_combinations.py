"""What is well formed and can't be run is refused before anything runs."""

import re
from typing import Any

import pytest

from pipeline.config.loading import ParamsError
from tests.config.texts import TEXT, cases, refused

REFUSED = [
    ("lr: 0.01", "lr: 0.01, momentum: 0.9", "recipes.quick", "momentum 0.9 has no meaning for adamw; use sgd"),
    ("lr: 0.01", "lr: 0.01, last_layer: bayesian", "experiments.flowers_mlp", "weight_decay 0.01; set that to 0.0"),
    ("lr: 0.01", "lr: 0.01, last_layer: bayesian, l1: 0.1", "experiments.flowers_mlp", "l1 0.1; set that to 0.0"),
    (
        "lr: 0.01",
        "lr: 0.01, last_layer: bayesian, max_norm: 2.0",
        "experiments.flowers_mlp",
        "max_norm 2.0; set that to null",
    ),
    (
        "lr: 0.01",
        "lr: 0.01, last_layer: bayesian, label_smoothing: 0.1",
        "experiments.flowers_mlp",
        "not label_smoothing 0.1; set it to 0.0",
    ),
    ("lr: 0.01", "lr: 0.01, swa: 0.5, items: 900", "recipes.quick", "which a run that may end before them has not"),
    ("lr: 0.01", "lr: 0.01, ema: 0.9, swa: 0.5", "recipes.quick", "ema 0.9 and swa 0.5 both average the weights"),
    ("lr: 0.01", "lr: 0.01, best_weights: true, swa: 0.5", "recipes.quick", "best_weights takes one of them"),
    ("lr: 0.01", "lr: 0.01, schedule: plateau, cycles: 2", "recipes.quick", "of schedule cosine, not of plateau"),
    ("lr: 0.01", "lr: 0.01, schedule: exponential", "recipes.quick", "never reaches 0; set lr_final"),
    ("lr: 0.01", "lr: 0.01, mixup: 0.2, sampling: weighted", "recipes.quick", "use sampling balanced"),
    ("lr: 0.01", "lr: 0.01, optimizer: sgd, l2: 0.1", "recipes.quick", "weight_decay 0.01 is an L2 penalty for sgd"),
    ("lr: 0.01", "lr: 0.01, loss: focal, label_smoothing: 0.1", "recipes.quick", "of cross-entropy, not of loss focal"),
    ("lr: 0.01", "lr: 0.01, micro_batch: 65", "recipes.quick", "micro_batch 65 is larger than batch_size 64"),
    ("lr: 0.01", "lr: 0.01, min_change: 0.1", "recipes.quick", "min_change 0.1 is of early stopping; give patience"),
    ("lr: 0.01", "lr: 0.01, optimizer: muon", "recipes.quick", "and momentum is 0.0; set it, usually to 0.95"),
    ("lr: 0.01", "lr: 0.01, last_layer: bayesian, loss: hinge", "experiments.flowers_mlp", "set that to default"),
    ("lr: 0.01", "lr: 0.01, loss: hinges", "recipes.quick.loss", "'hinge'"),
    ("lr: 0.01", "lr: 0.01, loss: huber", "experiments.flowers_mlp", "'huber' is for numbers, but flowers has classes"),
    ("lr: 0.01", "lr: 0.01, loss: huber", "experiments.flowers_mlp", "valid: default, cross_entropy, binary_cross"),
    (
        "lr: 0.01",
        "lr: 0.01, cutmix: 1.0",
        "experiments.flowers_mlp",
        "cutmix 1.0 is for image data, but flowers is",
    ),
    ("lr: 0.01", "lr: 0.01, warmup: 0.0", "recipes.quick", "one_cycle needs a warmup above 0; use cosine"),
    ("lr: 0.01", "lr: 0.01, schedule: inverse_sqrt, warmup: 0.0", "recipes.quick", "needs a warmup above 0"),
    ("lr: 0.01", "lr: 0.01, lr_final: 0.1", "recipes.quick", "not of one_cycle; set it to 0.0"),
    ("set: {}", "set: {momentum: 0.9}", "experiments.flowers_mlp.set", "or momentum 0.0"),
    ("set: {}", "set: {kind: fit}", "experiments.flowers_mlp.set.kind", "name another recipe"),
    ("recipe: fit", "recipe: quick", "experiments.flowers_svm.recipe", "classical/svm needs kind fit; valid: fit"),
    (
        "recipe: quick, view: none, args",
        "recipe: fit, view: none, args",
        "experiments.flowers_mlp.recipe",
        "valid: quick",
    ),
    (
        "view: none, args",
        "view: flatten, args",
        "experiments.flowers_mlp.view",
        "does not apply to tabular data; valid: none",
    ),
    ("models/cnn", "models/mlp", "experiments.pictures_cnn.model", "takes tabular input, but data set pictures"),
    ("models/cnn", "models/mlp", "experiments.pictures_cnn.model", "give it view 'flatten'"),
    (
        "models/mlp",
        "models/cnn",
        "experiments.flowers_mlp.model",
        "models that fit: models/mlp, classical/decision_tree",
    ),
    ("models/mlp", "models/gru", "experiments.flowers_mlp.model", "takes series or tokens input, but data set flowers"),
    ("hidden: [16]", "activation: rleu", "experiments.flowers_mlp.args.activation", "'relu', 'leaky_relu'"),
    ("lr: 0.01", "lr: 0.01, initialisation: he", "recipes.quick.initialisation", "'kaiming_normal'"),
    (
        "{C: 1.0}",
        "{kernel: rfb}",
        "experiments.flowers_svm.args.kernel",
        "'linear', 'rbf', 'poly', 'sigmoid' or 'power'",
    ),
    ("seed: 0}", "seed: 0, refit: true}", "search.flowers_mlp", "nothing can be chosen on them"),
    (
        "of: pictures_cnn",
        "of: flowers_svm",
        "variants.pictures_cnn_int8.steps.0",
        "but flowers_svm is kept as skops",
    ),
    (
        "models/cnn, recipe: quick, view: none, args: {}, set: {}",
        "models/capsnet, recipe: quick, view: none, args: {}, set: {label_smoothing: 0.1}",
        "experiments.pictures_cnn",
        "models/capsnet: label_smoothing is 0.1, but its loss is its own; valid: 0.0",
    ),
    (
        "models/cnn, recipe: quick, view: none, args: {}, set: {}",
        "models/capsnet, recipe: quick, view: none, args: {}, set: {loss: squared}",
        "experiments.pictures_cnn",
        "with decoder True: loss is 'squared', but its decoder learns by its own loss; valid: 'default'",
    ),
    (
        "models/cnn, recipe: quick, view: none, args: {}, set: {}",
        "models/capsnet_small, recipe: quick, view: none, args: {}, set: {loss: cross_entropy}",
        "experiments.pictures_cnn",
        "loss is 'cross_entropy', but its scores are lengths of [0, 1)",
    ),
    (
        "models/cnn, recipe: quick, view: none, args: {}, set: {}",
        "models/lenet5_1998, recipe: quick, view: none, args: {}, set: {sampling: weighted}",
        "experiments.pictures_cnn",
        "models/lenet5_1998 with loss 'default': sampling is 'weighted', but its loss is its own",
    ),
    (
        "models/cnn",
        "models/capsnet",
        "experiments.pictures_cnn",
        "with decoder True: scaling is 'standardise', but its decoder gives back pixels of [0, 1]; valid: 'unit'",
    ),
    (
        "classical/svm, recipe: fit, view: none, args: {C: 1.0}, set: {}",
        "classical/knn, recipe: fit, view: none, args: {}, set: {sampling: weighted}",
        "experiments.flowers_svm",
        "sampling is 'weighted', but neighbours take no class weights; valid: 'none', 'balanced'",
    ),
    ("validation: 0.2, test: 0.3", "validation: 0.6, test: 0.5", "data.flowers", "leave no train"),
    (
        "args: {}, set: {}",
        "args: {}, set: {augment: [{name: flip}, {name: jitter}]}",
        "experiments.pictures_cnn",
        "augmentation 'jitter' is for series data, but pictures is image; valid: colour, crop",
    ),
    (
        "args: {hidden: [16]}, set: {}",
        "args: {hidden: [16]}, set: {augment: [{name: flip}]}",
        "experiments.flowers_mlp",
        "augmentation 'flip' is for image data, but flowers is tabular; valid: none",
    ),
    (
        "set: {}",
        "set: {cutmix: 1.0}",
        "experiments.flowers_mlp",
        "cutmix 1.0 is for image data, but flowers is",
    ),
    ("low: 0.001", "low: 0.2", "search.flowers_mlp.set.lr", "must be below high"),
    ("set: {lr: {low: 0.001, high: 0.1, log: true}}", "set: {}", "search.flowers_mlp", "nothing to search"),
]


@cases(REFUSED)
def test_refused_with_key_line_and_advice(check: Any, before: str, after: str, key: str, said: str) -> None:
    refused(check, before, after, key, said)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("sampling: balanced", "sampling 'balanced' is for classes, but flowers has numbers"),
        ("mixup: 0.2", "mixup 0.2 mixes labels of classes, but flowers has numbers; set it to 0.0"),
        ("cutmix: 1.0", "cutmix 1.0 mixes labels of classes, but flowers has numbers; set it to 0.0"),
        ("loss: hinge", "loss 'hinge' is for classes, but flowers has numbers; valid: default, squared, huber"),
    ],
)
def test_numbers_have_no_classes(check: Any, asked: str, said: str) -> None:
    numbers = TEXT.replace("task: classification", "task: regression", 1)
    with pytest.raises(ParamsError, match=re.escape(f"experiments.flowers_mlp: {said}")):
        check(numbers.replace("set: {}", f"set: {{{asked}}}", 1))
    assert check(numbers.replace("set: {}", "set: {loss: huber}", 1))


@pytest.mark.parametrize("asked", ["patience: 3", "best_weights: true", "schedule: plateau"])
def test_nothing_goes_by_validation_items_that_are_trained_on(check: Any, asked: str) -> None:
    kept = TEXT.replace("seed: 0}", "seed: 0, refit: true}")
    with pytest.raises(ParamsError, match=f"experiments.flowers_mlp: {asked.replace(':', '')} goes by validation"):
        check(kept.replace("lr: 0.01}", f"lr: 0.01, {asked}}}"))
    assert check(TEXT.replace("lr: 0.01}", f"lr: 0.01, {asked}}}"))
