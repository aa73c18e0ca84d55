"""What gradients, activations and updates of each layer look like, at a few updates of a run; and what is wrong there.

Looked at after 1, 2, 4, 8, ... updates, so that a look costs nothing beside the rest and the start, where most goes
wrong, is seen best. What is measured, of a layer's own weights and outputs:

    gradient     root mean square over its weights: against the other layers' it shows vanishing and exploding gradients
                 (Bengio, Simard, Frasconi 1994; Glorot & Bengio 2010, figures 6 to 8)
    activation   root mean square of its outputs
    update       norm of the update over norm of the weights; about 1e-3 is healthy (Bottou, in Karpathy 2015, CS231n)
    norm         of the whole gradient, before anything is clipped
    dead         share of its units whose weights get no gradient at all from a whole batch (Maas, Hannun, Ng 2013)

Of a table of tokens only the rows of tokens that are in the batch count: the others can get no gradient.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, sqrt
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

COLUMNS = ("update", "layer", "depth", "gradient", "activation", "ratio", "dead", "norm")
VANISHING = 1e-4  # of the last layer's gradient, in the first layer
EXPLODING = 1e3  # norm of the whole gradient; a healthy run's is about 1, and in the table none is above 100
DEAD = 0.5  # share of a layer's units
Row = dict[str, Any]


class Health:
    """Looks at `body`. rows: a line a layer and look, in the order of COLUMNS. clipped: whether large gradients are."""

    def __init__(self, body: nn.Module, clipped: bool = False) -> None:
        self.layers, self.clipped = layers(body), clipped
        self.rows: list[Row] = []
        self._outputs: dict[str, float] = {}
        self._before: dict[str, tuple[float, float, list[Tensor]]] = {}
        self._handles: list[RemovableHandle] = []

    @staticmethod
    def due(update: int) -> bool:
        """Whether the update with this number, from 1, is one of 1, 2, 4, 8, ..."""
        return update & (update - 1) == 0

    def begin(self) -> None:
        """Before the forward pass of an update that is looked at."""
        self._release()
        for name, layer in self.layers.items():
            self._handles.append(layer.register_forward_hook(self._hook(name)))

    def _hook(self, name: str) -> Any:
        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found = output[0] if isinstance(output, tuple) else output
            values: Any = getattr(found, "data", found)  # of a packed sequence its values
            self._outputs[name] = float(values.detach().float().square().mean().sqrt())

        return keep

    def gradients(self) -> None:
        """After the backward pass, before anything is clipped."""
        self._release()
        for name, layer in self.layers.items():
            own = weights(layer)
            if not own:
                continue  # frozen
            found = [p.grad for p in own if p.grad is not None]
            if isinstance(layer, nn.Embedding):
                found = [g[(g != 0).any(dim=1)] for g in found]
            size = norm_of(found) / sqrt(sum(g.numel() for g in found) or 1)
            dead = (
                torch.cat([(g.flatten(1) == 0).all(dim=1) for g in found]) if sum(map(len, found)) else torch.zeros(1)
            )
            self._before[name] = (size, float(dead.float().mean()), [p.detach().clone() for p in own])

    def _release(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def end(self, update: int, norm: float) -> None:
        """After the optimizer's step: the rows of this look. norm: of the whole gradient, unclipped."""
        for depth, (name, layer) in enumerate(self.layers.items()):
            if name not in self._before:
                continue
            gradient, dead, before = self._before[name]
            own = weights(layer)
            moved = norm_of(after.detach() - start for after, start in zip(own, before, strict=True))
            self.rows.append(
                {
                    "update": update,
                    "layer": name,
                    "depth": depth,
                    "gradient": gradient,
                    "activation": self._outputs.get(name),
                    "ratio": moved / (norm_of(own) or 1.0),
                    "dead": dead,
                    "norm": norm,
                }
            )
        self._before = {}

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.rows = list(state["rows"])

    def findings(self) -> list[str]:
        """What is wrong, in words; empty where nothing is."""
        norms = [] if self.clipped else [row["norm"] for row in self.rows]
        return [*_vanishing(self.rows), *_exploding(norms), *_dead(self.rows)]


def layers(body: nn.Module) -> dict[str, nn.Module]:
    """Modules with weights of their own, in order; a body that is one layer is called `body`."""
    return {name or "body": module for name, module in body.named_modules() if weights(module)}


def weights(layer: nn.Module) -> list[nn.Parameter]:
    """A layer's own trained matrices and kernels; biases and norms are no weights."""
    return [p for p in layer.parameters(recurse=False) if p.ndim > 1 and p.requires_grad]


def norm_of(tensors: Iterable[Tensor]) -> float:
    """Euclidean norm of all values together."""
    return sqrt(sum(float(t.detach().float().square().sum()) for t in tensors))


def _vanishing(rows: Sequence[Row]) -> list[str]:
    by_update: dict[int, list[Row]] = {}
    for row in rows:
        by_update.setdefault(row["update"], []).append(row)
    looks = [found for found in by_update.values() if len(found) > 2]
    shares = [found[0]["gradient"] / (found[-1]["gradient"] or 1.0) for found in looks]
    if not shares or not (share := median(shares)) < VANISHING:
        return []
    first, last = looks[-1][0]["layer"], looks[-1][-1]["layer"]
    return [
        f"vanishing gradients: layer {first} gets {share:.1g} of the gradient of layer {last} (a healthy network: "
        "0.01 to 100); shortcuts around layers, gates, rectified units or another initialisation help"
    ]


def _exploding(norms: Sequence[float]) -> list[str]:
    worst = max(norms, key=lambda n: n if isfinite(n) else float("inf"), default=0.0)
    if isfinite(worst) and worst <= EXPLODING:
        return []
    return [
        f"exploding gradients: their norm reaches {worst:.3g} (a healthy run: about 1); gradient_clip, gates, "
        "a smaller lr or another initialisation help"
    ]


def _dead(rows: Sequence[Row]) -> list[str]:
    moved = [row for row in rows if row["norm"] != 0]  # without any gradient the batch is learnt, as hinge losses can
    latest = [row for row in moved if row["update"] == moved[-1]["update"]] if moved else []
    return [
        f"dead units: {row['dead']:.0%} of layer {row['layer']} get no gradient after {row['update']} updates; "
        "a smaller lr, leaky units or batch norm help"
        for row in latest
        if row["dead"] > DEAD
    ]
