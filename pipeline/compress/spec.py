"""What a compress cell is asked: part of the preimage of its key. Light to import."""

from typing import Any

from pipeline import introspection
from pipeline.data.spec import Setting


class Spec(Setting):
    """One step of a variant. method: a file of pipeline/compress/methods. options: its keyword arguments."""

    seed: int
    method: str
    options: dict[str, Any]

    @property
    def makes(self) -> str:
        """The format of what it leaves."""
        return str(introspection.constant(f"compress/methods/{self.method}", "MAKES"))

    @property
    def baseline(self) -> str:
        """Prefix of its values in rows of steps that follow and are compared with it; empty where they are not."""
        return str(introspection.constant(f"compress/methods/{self.method}", "BASELINE", ""))
