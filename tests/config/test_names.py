"""Unknown keys, mistyped values and names that nothing bears are refused, each with the nearest valid one."""

from typing import Any

from tests.config.texts import cases, refused

REFUSED = [
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
        "variants.pictures_cnn_int8.steps.1.calibration_sample",
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
    ("split: {}", "split: {}\n    seeds: 10", "data.pictures.seeds", "list"),
    ("split: {}", "split: {}\n    seeds: []", "data.pictures.seeds", "at least 1"),
    ("split: {}", "split: {}\n    seeds: [3, 3]", "data.pictures.seeds", "twice"),
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
    ("{quality: {}, calibration: {bins: 10}, size: {}}", "{}", "evaluators", "at least 1"),
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
    ("size: {}}", "sise: {}}", "evaluators.sise", "did you mean 'size'?"),
    ("{bins: 10}", "{bin: 10}", "evaluators.calibration.bin", "did you mean 'bins'?"),
    ("{bins: 10}", "{bins: 0}", "evaluators.calibration.bins", "greater than or equal to 1"),
    ("static_int8", "static_int4", "variants.pictures_cnn_int8.steps.1.method", "did you mean 'static_int8'?"),
    ("{method: static_int8, ", "{", "variants.pictures_cnn_int8.steps.1.method", "valid: onnx, static_int8"),
    (
        "{method: onnx}, ",
        "",
        "variants.pictures_cnn_int8.steps.0",
        "static_int8 takes onnx, but pictures_cnn is kept as safetensors; put {method: onnx} before it",
    ),
    (
        "{method: onnx}, ",
        "{method: onnx}, {method: onnx}, ",
        "variants.pictures_cnn_int8.steps.1",
        "onnx takes safetensors, but the step before it, onnx, leaves onnx",
    ),
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
]


@cases(REFUSED)
def test_refused_with_key_line_and_advice(check: Any, before: str, after: str, key: str, said: str) -> None:
    refused(check, before, after, key, said)
