"""LCBench (Zimmer et al. 2021, "Auto-PyTorch Tabular") as the surrogate network of YAHPO Gym (Pfisterer et al. 2022,
data of commit efdab907): validation accuracy of networks on 34 tabular data sets, by 7 hyperparameters and 1-52 epochs.

The files are no part of the project: a folder with model.onnx, encoding.json and config_space.json.
"""

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipeline.search.cube import Cube
from pipeline.search.space import Axis

Array = NDArray[np.float64]
EPOCHS = 52
ORDER = ["batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout"]
DESIGN = ["126025", "167104", "167181", "167201", "168868", "189865"]  # what the search was designed on
BEST_OF, MEDIAN_OF = 100_000, 10_000  # random configurations of a reference


class LCBench:
    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        self.numbers = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]
        found = json.loads((folder / "config_space.json").read_text())["hyperparameters"]
        self.known = {hyperparameter["name"]: hyperparameter for hyperparameter in found}

    @property
    def tasks(self) -> list[str]:
        """Those that nothing was designed on."""
        return [task for task in self.known["OpenML_task_id"]["choices"] if task not in DESIGN]

    @cached_property
    def cube(self) -> Cube:
        def axis(name: str) -> Axis:
            known = self.known[name]
            number = int if known["type"] == "uniform_int" else float
            return Axis(low=number(known["lower"]), high=number(known["upper"]), log=known["log"])

        return Cube({name: axis(name) for name in ORDER})

    def accuracy(self, task: str, points: Array, epochs: Array) -> Array:
        """On validation, in percent, of configurations (N, 7) of the unit cube after epochs (N,)."""
        values = [list(self.cube.values(point).values()) for point in self.cube.nearest(points)]
        return self._answer(task, np.array(values), epochs)

    def curve(self, task: str, values: list[float]) -> Array:
        """Of one configuration after each epoch."""
        return self._answer(task, np.tile(values, (EPOCHS, 1)), np.arange(1.0, EPOCHS + 1))

    def _answer(self, task: str, values: Array, epochs: Array) -> Array:
        continuous = np.column_stack([epochs, values]).astype(np.float32)
        discrete = np.full((len(values), 1), self.numbers[task], np.int32)
        return np.asarray(self.session.run(None, {"x_cat": discrete, "x_cont": continuous})[0])[:, 1].astype(float)

    def reference(self, task: str) -> tuple[float, float]:
        """(median of random configurations after one epoch, the best of random configurations after all)."""
        points = np.random.default_rng(0).random((BEST_OF, len(ORDER)))
        median = np.median(self.accuracy(task, points[:MEDIAN_OF], np.ones(MEDIAN_OF)))
        return float(median), float(self.accuracy(task, points, np.full(BEST_OF, EPOCHS)).max())
