"""LoRA (Hu et al. 2022: LoRA: low-rank adaptation of large language models), with peft, until training ends.

Beside a frozen dense layer W stands B A of a low rank r, scaled by alpha / r (section 4.1): A is random and B is 0 at
first, so that the network begins as it was. `merge` adds it to W, which leaves a network like any other.
"""

from collections.abc import Sequence

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn

from pipeline.training.blocks import head_name, replace


def add(body: nn.Module, layers: Sequence[str], rank: int, alpha: float) -> None:
    """Train only the head and matrices of `rank` beside the dense layers whose names end with one of `layers`."""
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(layers))  # type: ignore[arg-type]
    inject_adapter_in_model(config, body)  # all else is frozen by it
    body.get_submodule(head_name(body)).requires_grad_(True)


@torch.no_grad()
def merge(body: nn.Module) -> None:
    """Add the matrices to the layers that they stand beside, which take their old places again."""
    for name, layer in [(name, module) for name, module in body.named_modules() if isinstance(module, LoraLayer)]:
        layer.merge()  # type: ignore[operator]
        replace(body, name, layer.get_base_layer())
    body.requires_grad_(True)
