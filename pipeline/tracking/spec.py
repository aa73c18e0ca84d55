"""What a cell with a registered version's weights is asked: part of the preimage of its key. Light to import."""

from pipeline.introspection import Strict


class Spec(Strict):
    """name, version: of the registry. artifact_hash: of the weights, as registry.jsonl has it."""

    name: str
    version: int
    artifact_hash: str
