"""What a train cell of a classical model is asked: part of the preimage of its key. Light to import."""

from pipeline.data.spec import Setting
from pipeline.training.recipe import Fit
from pipeline.training.spec import Model


class Spec(Setting, Model):
    """A classical model, fitted with one seed."""

    recipe: Fit
    seed: int
