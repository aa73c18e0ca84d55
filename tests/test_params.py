"""params.yaml: every wrong line is refused before anything runs, by key, line and nearest valid name."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipeline import params
from pipeline.params import Params, ParamsError

TEXT = """\
profile: laptop
profiles:
  laptop: {seeds: [0, 1], threads: 1, precision: 32-true, cell_minutes: 5}
data:
  flowers:
    source: pipeline/data/cards/iris.yaml
    reader: csv
    options: {label: -1, skip: 1}
    task: classification
    split: {validation: 0.2, test: 0.3, seed: 0}
    budget:
      laptop: {samples: null, validation: null, epochs: 2}
  pictures:
    source: pictures
    reader: image_folder
    options: {size: [8, 8]}
    task: classification
    split: {}
    budget:
      laptop: {epochs: 2}
recipes:
  quick: {kind: gradient, lr: 0.01}
  fit: {kind: fit}
experiments:
  flowers_mlp: {data: flowers, model: models/mlp, recipe: quick, view: none, args: {hidden: [16]}, set: {}}
  flowers_svm: {data: flowers, model: classical/svm, recipe: fit, view: none, args: {C: 1.0}, set: {}}
  pictures_cnn: {data: pictures, model: models/cnn, recipe: quick, view: none, args: {}, set: {}}
variants:
  pictures_cnn_int8: {of: pictures_cnn, steps: [{method: static_int8, calibration_samples: 32}]}
evaluators: [quality, size]
search:
  flowers_mlp: {trials: 2, set: {lr: {low: 0.001, high: 0.1, log: true}}}
"""
STARTS = (
    TEXT
    + """\
pretraining:
  pictures_simclr: {data: pictures, model: models/cnn, recipe: quick, view: none, args: {}, set: {},
                    method: simclr, options: {}}
studies:
  fewer: {of: pictures_cnn, vary: [{label: scratch}, {label: probe, start: {weights: pictures_simclr, train: head}}]}
"""
)
START = "studies.fewer.vary.1.start"
# (what stands there, what is put there instead, key that is named, what is said of it)
REFUSED = [
    # where weights come from
    ("weights: pictures_simclr", "weights: pictures_simcrl", f"{START}.weights", "did you mean 'pictures_simclr'?"),
    ("train: head", "train: heads", f"{START}.train", "Input should be 'all', 'head' or 'gradual'"),
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
        "a pretraining starts from chance",
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
    # unknown keys, at every depth
    ("profile: laptop", "profile: laptop\nexperimentes: {}", "experimentes", "did you mean 'experiments'?"),
    ("cell_minutes: 5}", "cell_minutes: 5, sedes: 1}", "profiles.laptop.sedes", "did you mean 'seeds'?"),
    ("reader: csv", "redaer: csv\n    reader: csv", "data.flowers.redaer", "did you mean 'reader'?"),
    ("test: 0.3, ", "tset: 0.3, ", "data.flowers.split.tset", "did you mean 'test'?"),
    (
        "laptop: {epochs: 2}",
        "laptop: {epochs: 2, sample: 9}",
        "data.pictures.budget.laptop.sample",
        "did you mean 'samples'?",
    ),
    ("lr: 0.01}", "lr: 0.01, wieght_decay: 0.1}", "recipes.quick.wieght_decay", "did you mean 'weight_decay'?"),
    ("{kind: fit}", "{kind: fit, scalling: unit}", "recipes.fit.scalling", "did you mean 'scaling'?"),
    ("set: {}", "set: {learning_rate: 0.1}", "experiments.flowers_mlp.set.learning_rate", "valid: augment"),
    ("hidden: [16]", "hiden: [16]", "experiments.flowers_mlp.args.hiden", "did you mean 'hidden'?"),
    ("{C: 1.0}", "{CC: 1.0}", "experiments.flowers_svm.args.CC", "did you mean 'C'?"),
    ("skip: 1}", "skp: 1}", "data.flowers.options.skp", "did you mean 'skip'?"),
    (
        "calibration_samples: 32",
        "calibration_sample: 32",
        "variants.pictures_cnn_int8.steps.0.calibration_sample",
        "did you mean 'calibration_samples'?",
    ),
    ("log: true", "logarithmic: true", "search.flowers_mlp.set.lr.logarithmic", "did you mean 'log'?"),
    ("{lr: {low", "{leraning: {low", "search.flowers_mlp.set.leraning", "unknown recipe field"),
    # mistyped values
    ("lr: 0.01", "lr: '0.1x'", "recipes.quick.lr", "'0.1x'"),
    ("lr: 0.01", "lr: '0.1'", "recipes.quick.lr", "'0.1'"),
    ("lr: 0.01", "lr: -1", "recipes.quick.lr", "greater than 0"),
    ("lr: 0.01", "lr: .inf", "recipes.quick.lr", "finite"),
    ("lr: 0.01", "lr: true", "recipes.quick.lr", "True"),
    ("lr: 0.01", "lr: 0.01, batch_size: 32.5", "recipes.quick.batch_size", "32.5"),
    ("{kind: fit}", "{kind: fit, scaling: centred}", "recipes.fit.scaling", "'standardise'"),
    ("seeds: [0, 1]", "seeds: 3", "profiles.laptop.seeds", "list"),
    ("seeds: [0, 1]", "seeds: []", "profiles.laptop.seeds", "at least 1"),
    ("seeds: [0, 1]", "seeds: [0, 0]", "profiles.laptop.seeds", "twice"),
    ("32-true", "32", "profiles.laptop.precision", "32"),
    ("hidden: [16]", "hidden: 16", "experiments.flowers_mlp.args.hidden", "list"),
    ("hidden: [16]", "hidden: [16, x]", "experiments.flowers_mlp.args.hidden.1", "'x'"),
    ("size: [8, 8]", "size: [8, '8']", "data.pictures.options.size.1", "'8'"),
    ("options: {size: [8, 8]}", "options: {}", "data.pictures.options.size", "required"),
    ("size: [8, 8]", "size: [8]", "data.pictures.options.size", "at least 2"),
    ("size: [8, 8]", "size: [8, 0]", "data.pictures.options.size.1", "greater than or equal to 1"),
    ("size: [8, 8]", "size: [8, 8], channels: 2", "data.pictures.options.channels", "1 or 3"),
    ("skip: 1}", "skip: 1, shape: [2, 2]}", "data.flowers.options.shape", "at least 3"),
    ("skip: 1}", "skip: -1}", "data.flowers.options.skip", "greater than or equal to 0"),
    ("reader: csv", "reader: [csv]", "data.flowers.reader", "string"),
    ("evaluators: [quality, size]", "evaluators: []", "evaluators", "at least 1"),
    # names that nothing bears
    ("profile: laptop", "profile: labtop", "profile", "did you mean 'laptop'?"),
    ("laptop: {epochs: 2}", "labtop: {epochs: 2}", "data.pictures.budget.labtop", "did you mean 'laptop'?"),
    ("laptop: {epochs: 2}", "labtop: {epochs: 2}", "data.pictures.budget", "no budget for profile 'laptop'"),
    ("models/mlp", "models/mpl", "experiments.flowers_mlp.model", "did you mean 'models/mlp'?"),
    ("models/mlp", "mlp", "experiments.flowers_mlp.model", "did you mean 'models/mlp'?"),
    (
        "recipe: quick, view: none, args",
        "recipe: quik, view: none, args",
        "experiments.flowers_mlp.recipe",
        "did you mean 'quick'?",
    ),
    (
        "data: flowers, model: models",
        "data: flower, model: models",
        "experiments.flowers_mlp.data",
        "did you mean 'flowers'?",
    ),
    ("view: none, args", "view: flaten, args", "experiments.flowers_mlp.view", "did you mean 'flatten'?"),
    ("reader: csv", "reader: cvs", "data.flowers.reader", "did you mean 'csv'?"),
    (
        "skip: 1}\n    task: classification",
        "skip: 1}\n    task: clasification",
        "data.flowers.task",
        "did you mean 'classification'?",
    ),
    ("[quality, size]", "[quality, sise]", "evaluators.1", "did you mean 'size'?"),
    ("static_int8", "static_int4", "variants.pictures_cnn_int8.steps.0.method", "did you mean 'static_int8'?"),
    ("{method: static_int8, ", "{", "variants.pictures_cnn_int8.steps.0.method", "valid: static_int8"),
    ("of: pictures_cnn", "of: picture_cnn", "variants.pictures_cnn_int8.of", "did you mean 'pictures_cnn'?"),
    ("  flowers_mlp: {trials", "  flower_mlp: {trials", "search.flower_mlp", "did you mean 'flowers_mlp'?"),
    ("kind: gradient", "kind: gradiant", "recipes.quick.kind", "did you mean 'gradient'?"),
    ("kind: gradient, ", "", "recipes.quick.kind", "required"),
    ("lr: 0.01", "lr: 0.01, augment: [{name: flop}]", "recipes.quick.augment.0.name", "did you mean 'flip'?"),
    ("lr: 0.01", "lr: 0.01, augment: [{pixels: 2}]", "recipes.quick.augment.0.name", "valid: colour, crop"),
    ("lr: 0.01", "lr: 0.01, augment: [{name: [flip]}]", "recipes.quick.augment.0.name", "valid: colour, crop"),
    (
        "lr: 0.01",
        "lr: 0.01, augment: [{name: flip}, {name: shift, pixel: 2}]",
        "recipes.quick.augment.1.pixel",
        "did you mean 'pixels'?",
    ),
    ("lr: 0.01", "lr: 0.01, augment: [{name: shift, pixels: 0}]", "recipes.quick.augment.0.pixels", "equal to 1"),
    (
        "args: {}, set: {}",
        "args: {}, set: {augment: [{name: shift, pixels: 1.5}]}",
        "experiments.pictures_cnn.set.augment.0.pixels",
        "1.5",
    ),
    # names that DVC would misread
    ("  flowers_mlp: {data", "  flowers.mlp: {data", "experiments.flowers.mlp", "a-z, 0-9 and _"),
    ("  quick:", "  quick.1:", "recipes.quick.1", "a-z, 0-9 and _"),
    ("  pictures_cnn_int8:", "  Pictures:", "variants.Pictures", "a-z, 0-9 and _"),
    ("  pictures_cnn_int8:", "  pictures_cnn:", "variants.pictures_cnn", "has this name already"),
    # combinations that can't be
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
    ("models/mlp", "models/gru", "experiments.flowers_mlp.model", "takes series input, but data set flowers"),
    ("hidden: [16]", "activation: rleu", "experiments.flowers_mlp.args.activation", "'relu', 'leaky_relu'"),
    ("lr: 0.01", "lr: 0.01, initialisation: he", "recipes.quick.initialisation", "'kaiming_normal'"),
    (
        "{C: 1.0}",
        "{kernel: rfb}",
        "experiments.flowers_svm.args.kernel",
        "'linear', 'rbf', 'poly', 'sigmoid' or 'power'",
    ),
    ("seed: 0}", "seed: 0, refit: true}", "search.flowers_mlp", "nothing can be chosen on them"),
    ("of: pictures_cnn", "of: flowers_svm", "variants.pictures_cnn_int8.of", "compresses models/*, but flowers_svm is"),
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


@pytest.fixture
def check(tmp_path: Path) -> Any:
    def check(text: str) -> Params:
        (tmp_path / "params.yaml").write_text(text)
        return params.load(tmp_path / "params.yaml")

    return check


def test_the_text_that_the_cases_change_is_valid(check: Any) -> None:
    assert check(TEXT).active.seeds == [0, 1] and check(STARTS).studies


@pytest.mark.parametrize(("before", "after", "key", "said"), REFUSED, ids=[f"{k}: {s[:24]}" for _, _, k, s in REFUSED])
def test_refused_with_key_line_and_advice(check: Any, before: str, after: str, key: str, said: str) -> None:
    assert before in STARTS
    text = STARTS.replace(before, after, 1)
    with pytest.raises(ParamsError) as caught:
        check(text)
    found = [m for line in str(caught.value).splitlines() if (m := re.match(r"params.yaml:(\d+): ([^ ]+): (.*)", line))]
    matching = [m for m in found if m[2] == key and said in m[3]]
    assert matching, f"wanted {key} and {said!r}, got: {caught.value}"
    line = text.splitlines()[int(matching[0][1]) - 1]
    named = key.split(".")
    assert any(part in line for part in reversed(named[-3:]) if not part.isdigit()), (
        f"line {matching[0][1]} is {line!r}"
    )


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


def test_images_are_augmented_as_images_whatever_view_the_model_has_of_them(check: Any) -> None:
    rows = "models/gru, recipe: quick, view: rows, args: {}, set: {augment: [{name: flip}, {name: shift, pixels: 1}]}"
    text = TEXT.replace("models/cnn, recipe: quick, view: none, args: {}, set: {}", rows)
    assert check(text).recipe_of("pictures_cnn").augment[1] == {"name": "shift", "pixels": 1}


def test_a_row_of_another_profile_is_none_of_this_one(check: Any) -> None:
    paper = "  paper: {seeds: [0], threads: 1, precision: 32-true, cell_minutes: 5}\ndata:"
    text = TEXT.replace("data:", paper, 1).replace("epochs: 2}", "epochs: 2}\n      paper: {epochs: 2}")
    text = text.replace("args: {hidden: [16]}, set: {}", "args: {hidden: [16]}, set: {}, only: [paper]")
    text = text.replace(
        "models/cnn, recipe: quick, view: none, args: {}, set: {}",
        "models/cnn, recipe: quick, view: none, args: {}, set: {}, only: [paper]",
    )
    laptop, papers = check(text), check(text.replace("profile: laptop", "profile: paper", 1))
    assert set(laptop.experiments) == {"flowers_svm"} and not laptop.variants and not laptop.search
    assert set(papers.experiments) == {"flowers_mlp", "flowers_svm", "pictures_cnn"} and papers.variants
    assert laptop.elsewhere == {
        k: k.removesuffix("_int8") for k in ("flowers_mlp", "pictures_cnn", "pictures_cnn_int8")
    }
    assert params.no_row(laptop, "flowers_mlp").startswith("flowers_mlp is no row of profile laptop (see its `only`)")
    assert params.no_row(laptop, "flowers_svn").startswith(
        "unknown experiment 'flowers_svn'; did you mean 'flowers_svm'?"
    )
    with pytest.raises(ParamsError, match=r"flowers_mlp.only.0: unknown profile 'papers'; did you mean 'paper'"):
        check(text.replace("only: [paper]", "only: [papers]", 1))


def test_line_of_a_key_in_a_block(check: Any) -> None:
    text = TEXT.replace("reader: image_folder", "reader: image_foldr")
    with pytest.raises(ParamsError, match=f"params.yaml:{text[: text.index('image_foldr')].count(chr(10)) + 1}: "):
        check(text)


def test_every_problem_is_listed_at_once(check: Any) -> None:
    with pytest.raises(ParamsError) as caught:
        check(
            TEXT.replace("lr: 0.01", "lr: x").replace("hidden: [16]", "hiden: 1").replace("seeds: [0, 1]", "seeds: 1")
        )
    assert {"recipes.quick.lr", "profiles.laptop.seeds"} <= {
        m for m in re.findall(r": ([a-z_.]+): ", str(caught.value))
    }


@pytest.mark.parametrize("written", ["1e-3", "1.0e-3", "0.001", "1E-3", ".001"])
def test_every_way_to_write_a_number_is_one(check: Any, written: str) -> None:
    assert check(TEXT.replace("lr: 0.01", f"lr: {written}")).recipes["quick"].lr == 0.001


def test_a_whole_number_is_good_where_a_fraction_is_asked(check: Any) -> None:
    assert check(TEXT.replace("lr: 0.01", "lr: 1")).recipe_of("flowers_mlp").lr == 1


def test_overrides_are_applied(check: Any) -> None:
    assert check(TEXT.replace("set: {}", "set: {lr: 0.5}", 1)).recipe_of("flowers_mlp").lr == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile: [", "line 1"),
        ("- a\n- b\n", "expected a mapping"),
        ("", "expected a mapping"),
        (TEXT + "profile: paper\n", "profile"),
        (TEXT.replace("  fit: {kind", "  1: {kind"), "1"),
        ("profile: laptop\n", "recipes"),
    ],
)
def test_what_is_no_parameter_file(check: Any, text: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check(text)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"profile: \xff\xfe")
    with pytest.raises(ParamsError, match="params.yaml"):
        params.load(tmp_path / "params.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="params.yaml"):
        params.load(tmp_path / "params.yaml")
