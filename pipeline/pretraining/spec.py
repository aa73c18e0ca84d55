"""What a pretrain cell is asked: part of the preimage of its key. Light to import."""

from typing import Any

from pipeline.data.spec import Setting
from pipeline.training.spec import Architecture


class Spec(Setting, Architecture):
    """method: a file of pipeline/pretraining/methods. options: its keyword arguments."""

    seed: int
    precision: str
    method: str
    options: dict[str, Any]
