"""Registered versions: a folder that stands alone, in MLflow's format, made by hand.

Why by hand. Of the ways to log a network (m, one thread, LeNet-5 / EfficientNet-B0): `mlflow.pytorch` with pt2
0.13-0.7 / 1.7 s CPU, an ONNX export 0.6-1.5 / 4.1 s, either after 2.5 s to import torch and only for networks that
torch.export can trace; this folder 0.09 s for any of them, registration included, without importing torch at all. What
it costs is that the version carries sources (`code/`) instead of a graph. It is an ordinary python_function model all
the same: the UI shows its signature, `mlflow models serve` and `mlflow.pyfunc.load_model` answer, and answers are
computed by the same code from the same weights as in the results. Quantized models also have MLflow's onnx flavor, for
who wants only the graph. MLflow's sklearn flavor is no choice: it refuses skops files where unpickling is forbidden.
"""

import importlib.metadata
import json
import platform
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mlflow import pyfunc
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.models import Model

from pipeline.cells import fingerprint
from pipeline.cells.cell import parsed, read_json, write_json
from pipeline.data.spec import Facts
from pipeline.tracking import loader, signature
from pipeline.tracking.ledger import Line
from pipeline.tracking.records import REMAKE, Roots, StoreError, identity, key, metric, weights
from pipeline.tracking.store import Store, parameters

TAGGED = ("profile", "experiment", "recipe", "variant", "seed", "artifact_hash", "commit", "hardware")
LEFT_OUT = {"history.csv", "cell.json", "log.txt", "progress.json", "checkpoint.ckpt"}
REQUIREMENTS = {
    "weights.safetensors": ["mlflow", "numpy", "torch", "torchvision", "safetensors", "pydantic"],
    "model.skops": ["mlflow", "numpy", "scikit-learn", "skops", "threadpoolctl", "pydantic"],
    "model.onnx": ["mlflow", "numpy", "onnxruntime", "pydantic"],
}
REBUILT_BY = {
    "weights.safetensors": "pipeline.training.network",
    "model.skops": "pipeline.classical._fit",
    "model.onnx": "",
}
LOST = "lost: no cell here has these weights; this version only keeps its number, and is filled when one comes"


def put_version(store: Store, version: Line, folder: Path | None, line: Line | None) -> None:
    """Register a ledger's version under its number; StoreError where MLflow gives another.

    folder: of the model's files. line: of a run of today that made it; without, the version stands by itself. Without
    files it is a placeholder, one call that costs milliseconds. A kill leaves at most a LoggedModel without a version:
    it is found by its `locator` tag and filled again.
    """
    name, number, client = version["name"], version["version"], store.client
    put_registered_model(store, name)
    tags, about = _tags(version), describe(line) if line else _about(version)
    if folder is None:
        made = client.create_model_version(name, _place(store, version).as_uri(), tags=tags | {"files": LOST})
    elif line is None:
        tags |= _write(store, version, folder)
        made = client.create_model_version(name, _place(store, version).as_uri(), tags=tags, description=about)
    else:
        run_id = store.runs[identity(line)].info.run_id
        model_id = _logged_model(store, version, folder, line).model_id
        tags |= _file_tag(folder)
        made = client.create_model_version(
            name, f"models:/{model_id}", run_id, tags, description=about, model_id=model_id
        )
    if int(made.version) != number:
        client.delete_model_version(name, made.version)
        raise StoreError(
            f"MLflow gave {name} version {made.version} where {store.roots.ledger.name} says {number}; {REMAKE}"
        )
    store.changed += 1


def fill(store: Store, version: Line, folder: Path) -> None:
    """Give a placeholder its files: they go to the place that it names."""
    name, number = version["name"], str(version["version"])
    for tag, value in _write(store, version, folder).items():
        store.client.set_model_version_tag(name, number, tag, value)
    store.client.update_model_version(name, number, _about(version))
    store.client.delete_model_version_tag(name, number, "files")
    store.changed += 1


def _place(store: Store, version: Line) -> Path:
    """Folder of a version that no run of the store has made."""
    return store.root / "artifacts" / "versions" / version["name"] / str(version["version"])


def _write(store: Store, version: Line, folder: Path) -> dict[str, str]:
    """Build a version at its place, whole or not at all; the tags that go with the file."""
    place = _place(store, version)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as draft:
        target = Path(draft) / "model"
        target.mkdir()
        build(target, version, folder, store.roots, Model())
        target.replace(place)
    return _file_tag(folder)


def _file_tag(folder: Path) -> dict[str, str]:
    file = weights(folder)
    assert file is not None
    return {"file_sha256": fingerprint.of_file(file)}


def _about(version: Line) -> str:
    where = version["experiment"] if version["variant"] == "none" else version["variant"]
    return f"{where}, seed {version['seed']}, {version['profile']}: superseded; its run is not in this store"


def put_registered_model(store: Store, name: str) -> None:
    """Make the name that versions stand under, once."""
    if name in store.names:
        return
    data, _, model = name.partition("-")
    about = f"**{model}** on **{data}**: the best seed on validation of each experiment with it, and that seed's "
    about += "compressed variants.\n\nAliases, per profile: `_champion` has the best validation score; `_smallest` and "
    about += "`_fastest` are within the task's margin of it. A version without files keeps a number that was given to "
    about += "weights which are not on this machine."
    store.client.create_registered_model(name, {"dataset": data, "model": model}, about)
    store.names.add(name)
    store.changed += 1


def describe(line: Line) -> str:
    """One line for the table of versions."""
    values = line["metrics"] | line["costs"]
    shown = (f"{split}/{metric(line).name}" for split in ("validation", "test"))
    parts = [f"{name.replace('/', ' ')} {values[name]:.4f}" for name in shown if name in values]
    parts += [f"{values['model/bytes'] / 1000:.0f} kB"] if "model/bytes" in values else []
    parts += [f"{values['cost/latency_ms']:.2f} ms"] if "cost/latency_ms" in values else []
    return f"{key(line)}, seed {line['seed']}, {line['profile']}: {', '.join(parts)}"


def _tags(version: Line) -> dict[str, str]:
    tags = {name: str(version[name]) for name in TAGGED if version.get(name) is not None}
    return tags | {"data_digest": str(version.get("data") or "unknown")}


def _logged_model(store: Store, version: Line, folder: Path, line: Line) -> LoggedModel:
    """MLflow's own record of the model, with its files, finished."""
    client, locator = store.client, f"{version['name']}/{version['version']}"
    run = store.runs[identity(line)]
    found = client.search_logged_models([run.info.experiment_id], f"tags.locator = '{locator}'")
    if found:
        logged = found[0]
    else:
        link = json.dumps([{"name": version["name"], "version": version["version"]}])
        tags = _tags(version) | {"locator": locator, "mlflow.modelVersions": link}
        name = f"{key(line)}_seed{line['seed']}"
        logged = client.create_logged_model(
            run.info.experiment_id, name, run.info.run_id, tags, parameters(folder), line["task"]
        )
    if logged.status != LoggedModelStatus.READY:
        with tempfile.TemporaryDirectory() as place:
            made = Model(
                run_id=run.info.run_id,
                model_id=logged.model_id,
                model_uuid=logged.model_id,
                artifact_path=logged.artifact_location,
            )
            build(Path(place), version, folder, store.roots, made)
            client.log_model_artifacts(logged.model_id, place)
        if not run.outputs or logged.model_id not in {o.model_id for o in run.outputs.model_outputs}:
            client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, 0)])
        where = {
            "model_id": logged.model_id,
            "run_id": run.info.run_id,
            "dataset_name": line["dataset"],
            "dataset_digest": (line["data"] or "unknown")[:32],
        }
        values = (line["metrics"] | line["costs"]).items()
        client.log_batch(run.info.run_id, [Metric(k, v, line["ended"], 0, **where) for k, v in values])
        client.finalize_logged_model(logged.model_id, "READY")
    return logged


def build(target: Path, version: Line, folder: Path, roots: Roots, model: Model) -> None:
    """Write the version's folder: MLmodel, requirements, example, sources, and the cell's own files."""
    file = weights(folder)
    assert file is not None
    for path in folder.iterdir():
        if path.name not in LEFT_OUT:
            shutil.copyfile(path, target / path.name)
    facts, spec = parsed(Facts, read_json(folder / "result.json")), read_json(folder / "spec.json")
    card = {
        "file": file.name,
        "artifact_hash": version["artifact_hash"],
        "file_sha256": fingerprint.of_file(file),
        "threads": spec.get("threads") or 1,
        "name": version["name"],
        "version": version["version"],
    }
    write_json(target / loader.CARD, card)
    package = f"registered_{re.sub('[^a-z0-9_]', '_', version['name'])}_v{version['version']}"
    changed = _copy_sources(target / "code", package, REBUILT_BY[file.name], spec)
    model.signature = signature.of(facts)
    state = f"changed since training: {', '.join(changed)}" if changed else "as trained"
    model.metadata = {
        "classes": facts.classes,
        "input": "texts" if facts.vocabulary else "raw values, unscaled",
        "output": _answer(facts),
        "sources": state,
    }
    signature.write_example(target, model, signature.example(spec["data"], facts, roots), facts)
    _write_requirements(target, [*REQUIREMENTS[file.name], *(["tokenizers"] if facts.vocabulary else [])])
    pyfunc.add_to_model(model, f"{package}.loader", code="code", python_env="python_env.yaml")
    if file.name == "model.onnx":
        onnx = importlib.metadata.version("onnx")
        model.add_flavor("onnx", onnx_version=onnx, data=file.name, providers=["CPUExecutionProvider"], code=None)
    model.model_size_bytes = sum(p.stat().st_size for p in target.rglob("*") if p.is_file())
    model.save(str(target / "MLmodel"))


def _answer(facts: Facts) -> str:
    """What the model answers with, for people."""
    if facts.writes:
        return "texts"
    if facts.aligned:
        return "of each text a class for each of its words, which are what stands between spaces"
    return "scores (N, classes); the largest is the class" if facts.classes else "numbers (N, 1)"


def _copy_sources(target: Path, package: str, entry: str, spec: dict[str, Any]) -> list[str]:
    """Copy the loader and what it can import, as `package`; returns files that are not what the model was made with.

    entry: the module that rebuilds this kind of model, empty where the file is a whole graph.

    A name of its own for each version, so that one process can hold several of them beside the project itself.
    """
    opened = [entry, f"pipeline.{spec['model'].replace('/', '.')}"] if entry else []
    digests = fingerprint.sources(["pipeline.data.items", *opened])
    root = fingerprint.PACKAGE.parent
    folders = {parent / "__init__.py" for name in digests for parent in Path(name).parents if parent.name}
    for name in {*digests, *fingerprint.PLUMBING, *(f.as_posix() for f in folders if (root / f).is_file())}:
        copy = target / Path(package, *Path(name).parts[1:])
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_renamed((root / name).read_text(encoding="utf-8"), package), encoding="utf-8")
    (target / package).mkdir(parents=True, exist_ok=True)
    text = Path(loader.__file__).read_text(encoding="utf-8")
    (target / package / "loader.py").write_text(_renamed(text, package), encoding="utf-8")
    trained = spec.get("sources") or {}
    return sorted(name for name, digest in digests.items() if trained.get(name, digest) != digest)


def _renamed(text: str, package: str) -> str:
    """Imports of this project's package, also those by a string, as imports of `package`."""
    return re.sub(r"\bpipeline(?=\.|\s+import\b)", package, text)


def _write_requirements(target: Path, names: list[str]) -> None:
    """The installed versions of what loading needs."""
    pins = [f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names]
    (target / "requirements.txt").write_text("\n".join(pins) + "\n")
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }
    (target / "python_env.yaml").write_text(json.dumps(environment, indent=1) + "\n")  # JSON is YAML
