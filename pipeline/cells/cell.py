"""Cells: the smallest units of work, each a folder named by the hash of all that decides its content.

    .cells/<key>/   spec.json    what was asked: parameters, digests of inputs and sources, seed
                    ...          what the work wrote
                    result.json  deterministic outcome: `status` ok or failed, `reason`, values
                    costs.json   what depends on the machine: seconds, hardware, versions
                    cell.json    the completion marker, written last: digest of every file above

Of kinds that are many and small (COMPACT) the three JSON files stand in the marker, under `records`; `record` reads
either. A folder without its marker is unfinished whatever else it holds. A key never covers time or machine, so a cell
made elsewhere can be copied in; `verify` rehashes it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from pipeline import paths
from pipeline.cells import environment, fingerprint
from pipeline.errors import Told
from pipeline.introspection import Strict

MARKER = "cell.json"
CHECKPOINTS = ("checkpoint.ckpt", "checkpoint.old.ckpt")  # the newest and the one before
PAUSED = "paused.json"
PRIVATE = {"log.txt", "progress.json", PAUSED, *CHECKPOINTS}  # of the work in progress, never part of the result
COMPACT = {"predict", "evaluate"}
SEVERAL = {"compress", "evaluate"}  # kinds of which a row has more than one cell a seed
AGAIN = "delete the folder to make it again"
VOLATILE = {"costs.json", "history.csv", "card.json"}  # times and descriptions: no part of a content digest


Asked = TypeVar("Asked", bound=Strict)


class CellError(Told, RuntimeError):
    """A cell that is missing, unfinished or not what its marker says."""


class Execution(Strict):
    """How a network is trained, and nothing of what it comes to: no part of a key.

    devices: GPUs or, where there are none, processes. checkpoint_seconds, checkpoint_epochs: how often a checkpoint is
    kept, None for never. timeout: seconds that each of several processes waits for the others. pause: the epoch after
    which training stops with a checkpoint, to go on from there when it is asked again; None for never.
    """

    devices: Annotated[int, Field(ge=1)] = 1
    checkpoint_seconds: Annotated[float, Field(ge=0)] | None = 20.0
    checkpoint_epochs: Annotated[int, Field(ge=1)] | None = None
    timeout: Annotated[float, Field(gt=0)] = 300.0
    pause: Annotated[int, Field(ge=1)] | None = None


DEFAULT_EXECUTION = Execution()


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    kind: fetch, prepare, pretrain, features, train, compress, predict or evaluate. entry: the dotted module whose
    `run(spec, folder, inputs)` does it, with a `Spec` beside it. spec: what is asked, complete. output: the folder that
    a stage links it to. experiment: the entry of params.yaml that it is of: a row, a variant, a pretraining or a data
    set. seed: None where it has none. modules: what the entry looks up by name. inputs: cells that must be there first.
    execution: of networks in training, a fourth argument of `run`.
    """

    kind: str
    entry: str
    spec: Strict
    output: Path
    experiment: str
    seed: int | None = None
    modules: tuple[str, ...] = ()
    inputs: Mapping[str, "Cell"] = field(default_factory=dict)
    execution: Execution | None = None

    @property
    def label(self) -> str:
        """How people call it: `digits_mlp seed 0`, and where a row has several of its kind also which."""
        which = f" {self.output.name}" if self.kind in SEVERAL else ""
        return self.experiment if self.seed is None else f"{self.experiment} seed {self.seed}{which}"

    @cached_property
    def asked(self) -> dict[str, Any]:
        """The specification in JSON values."""
        work = {"kind": self.kind, "entry": self.entry, "environment": environment.number()}
        return work | self.spec.model_dump(mode="json")

    @cached_property
    def sources(self) -> dict[str, str]:
        """Digest of each file of code that decides the cell."""
        return fingerprint.sources([self.entry, *self.modules])

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The preimage of the key."""
        inputs = {name: cell.identity for name, cell in self.inputs.items()}
        return self.asked | {"inputs": inputs, "sources": self.sources}

    @cached_property
    def key(self) -> str:
        return fingerprint.of_json(self.resolved)[:32]

    @cached_property
    def request(self) -> str:
        """Digest of all that decides the key, known also before the inputs are there: of those it has the requests."""
        inputs = {name: cell.request for name, cell in self.inputs.items()}
        return fingerprint.of_json(self.asked | {"inputs": inputs, "sources": self.sources})[:32]

    @property
    def identity(self) -> str:
        """What the key of a consumer contains: of data the content, so that equal data retrains nothing."""
        if self.kind in ("fetch", "prepare"):
            return self.marker["digest"]
        return self.key

    @property
    def folder(self) -> Path:
        return paths.CELLS / self.key

    @property
    def ready(self) -> bool:
        """Whether it can be started; before that its key is not known."""
        return all(cell.complete for cell in self.inputs.values())

    @property
    def complete(self) -> bool:
        if "_seen" not in self.__dict__ and self.ready and (self.folder / MARKER).is_file():
            self.__dict__["_seen"] = True  # a finished cell stays finished
        return "_seen" in self.__dict__

    @property
    def marker(self) -> dict[str, Any]:
        return read_marker(self.folder)

    @property
    def result(self) -> dict[str, Any]:
        return record(self.folder, "result.json")

    @property
    def costs(self) -> dict[str, Any]:
        return record(self.folder, "costs.json")


def findings(result: dict[str, Any]) -> list[str]:
    """What a run's record names in its `health`, each once: `dead units`."""
    return list(dict.fromkeys(found.partition(":")[0] for found in result.get("health", [])))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; CellError names the file where it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CellError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise CellError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def read_marker(folder: Path) -> dict[str, Any]:
    """The marker of a finished cell; CellError where it, or a record in it, is not as it was written."""
    try:
        marker = read_json(folder / MARKER)
        files, records = marker.get("files"), marker.get("records", {})
        known = set(marker) - {"records"} == {"key", "files", "digest"}
        if not (known and isinstance(files, dict) and isinstance(records, dict) and marker["digest"] == content(files)):
            raise CellError(f"{folder / MARKER}: no marker of a finished cell")
        for name, found in records.items():
            if fingerprint.of_json(found) != files.get(name):
                raise CellError(f"{folder / MARKER}: {name} in it changed")
    except CellError as error:
        raise CellError(f"{error}; {AGAIN}") from error
    return marker


def content(files: Mapping[str, str]) -> str:
    """Digest of what a cell holds, whoever made it. files: of its marker."""
    return fingerprint.of_json({n: d for n, d in files.items() if n not in VOLATILE | {"spec.json"}})


def record(folder: Path, name: str) -> dict[str, Any]:
    """`spec.json`, `result.json` or `costs.json` of a finished cell; CellError where the cell has none."""
    if not (folder / name).is_file() and (folder / MARKER).is_file():
        records = read_marker(folder).get("records", {})
        if name in records:
            return dict(records[name])
    return read_json(folder / name)


def on_disk(marker: Mapping[str, Any]) -> list[str]:
    """Names of a finished cell's files, its marker's too: what has to be there, and what a copy consists of."""
    return [*(name for name in marker["files"] if name not in marker.get("records", {})), MARKER]


def parsed(kind: type[Asked], resolved: Mapping[str, Any]) -> Asked:
    """The fields of `kind` in a resolved specification; those that it was made without have their defaults."""
    try:
        return kind.model_validate({name: resolved[name] for name in kind.model_fields if name in resolved})
    except ValidationError as error:
        raise CellError(f"a specification is not what {kind.__module__} takes: {error}") from error


def write_json(path: Path, value: Any) -> None:
    """Write durably and all at once: a reader sees the old file or the new one. OSError names the file."""
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write to an open file names none
        raise
