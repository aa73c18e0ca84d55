"""A small params.yaml, and one with weights to start from, which cases change."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pipeline.config.loading import ParamsError
from pipeline.config.sections import Params

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
  pictures_cnn_int8: {of: pictures_cnn, steps: [{method: onnx}, {method: static_int8, calibration_samples: 32}]}
evaluators: {quality: {}, calibration: {bins: 10}, size: {}}
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
GRIDS = (
    TEXT[: TEXT.index("experiments:")]
    + """\
grids:
  mixed:
    data:
      flower: {data: flowers}
      more: {data: flowers, models: [mlp], set: {batch_size: 8}, only: [laptop]}
    recipe: quick
    set: {weight_decay: 0.1}
    view: none
    models:
      mlp: {args: {hidden: [16]}}
      wide: {model: models/mlp, args: {hidden: [64]}, set: {lr: 0.05}}
  solved:
    data: {flower: {data: flowers}}
    recipe: fit
    models:
      svm: {args: {C: 1.0}}
  images:
    data: [pictures]
    recipe: quick
    models: [cnn]
experiments:
  flower_mlp: {set: {lr: 0.02}}
  own_svm: {data: flowers, model: classical/svm, recipe: fit}
"""
    + TEXT[TEXT.index("variants:") :].replace("  flowers_mlp: {trials", "  flower_mlp: {trials")
)
START = "studies.fewer.vary.1.start"
# (what stands there, what is put there instead, key that is named, what is said of it)
Case = tuple[str, str, str, str]


def cases(table: Sequence[Case]) -> Any:
    return pytest.mark.parametrize(
        ("before", "after", "key", "said"), table, ids=[f"{key}: {said[:24]}" for _, _, key, said in table]
    )


def refused(check: Callable[[str], Params], before: str, after: str, key: str, said: str) -> None:
    """The changed text is refused with the key, its line, and the advice."""
    refused_in(STARTS, check, before, after, key, said)


def refused_in(valid: str, check: Callable[[str], Params], before: str, after: str, key: str, said: str) -> None:
    assert before in valid
    text = valid.replace(before, after, 1)
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
