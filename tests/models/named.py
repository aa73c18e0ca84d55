"""Which architectures there are for what, by what their files say: light to import."""

from typing import Any

from pipeline import introspection
from pipeline.training.recipe import Gradient


def scoring() -> list[str]:
    """Those that score classes of items or of words; the others write sentences."""
    return [name for name in introspection.names("models") if not refused(name) or not refused(name, "tags")]


def refused(name: str, target: str = "class", **recipe: Any) -> str | None:
    """Why it can't be trained to give `target`, with changes of the usual recipe; None where it can."""
    usual = Gradient(kind="gradient", scaling="unit").model_dump()
    return introspection.refused(f"models/{name}", {}, usual | recipe, target, False)
