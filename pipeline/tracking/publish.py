"""From finished runs to the registry, idempotently: what is there stays, what is missing is made, nothing else."""

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from pipeline.cells import read_json, write_json
from pipeline.params import Params
from pipeline.tracking import models, records
from pipeline.tracking.ledger import Identity, Ledger, Line, identity, slot
from pipeline.tracking.records import Roots
from pipeline.tracking.store import Store, StoreError

RECEIPT = "receipt.json"
MARGIN = 0.01  # how far below the champion the smallest and the fastest may be, in the task's metric


def publish(params: Params, roots: Roots | None = None) -> dict[str, Any]:
    """Bring ledger and store up to the files of the active profile; returns what `receipt.json` says, and `changed`.

    The ledger is written before the store (see `ledger`), the receipt last: where there is one, all of it was done.
    LedgerError or StoreError where either contradicts the other; the message says what to delete.
    """
    roots = roots or Roots()
    with _locked(roots.store):
        ledger = Ledger(roots.ledger)
        lines, absent = records.collect(params, roots, ledger)
        ledger.append(line for line in lines if _news(ledger, line))
        _forget_placeholders(ledger, roots)
        store = Store(roots)
        _adopt(ledger, store)
        numbers = _number(ledger, lines, roots)
        _note_aliases(ledger, params.profile, lines, numbers, _absent(params, lines))
        _project_runs(ledger, store, records.current(params, ledger))
        _project_versions(ledger, store)
        _project_aliases(ledger, store, set(params.profiles))
        receipt = {
            "profile": params.profile,
            "runs": len(lines),
            "failed": [f"{records.key(r)}, seed {r['seed']}: {r['reason']}" for r in lines if r["status"] != "ok"],
            "missing": absent,
            "versions": {name: len(given) for name, given in sorted(ledger.versions.items())},
            "aliases": {name: dict(sorted(a.items())) for name, a in sorted(ledger.aliases.items()) if a},
        }
        write_json(roots.store / RECEIPT, receipt)
        return receipt | {"changed": store.changed}


def _news(ledger: Ledger, line: Line) -> bool:
    return ledger.current.get(slot(line)) != identity(line) or ledger.runs[identity(line)] != line


def _adopt(ledger: Ledger, store: Store) -> None:
    """Write down versions that only the store knows: the ledger of another branch, or a version made by hand."""
    found = sorted(store.client.search_model_versions(max_results=10_000), key=lambda v: int(v.version))
    for version in found:
        given = ledger.versions.get(version.name, [])
        number, tags = int(version.version), version.tags
        known = given[number - 1] if number <= len(given) else None
        if known is None and number > len(given):
            kept = {name: tags.get(name) for name in models.TAGGED}
            seed = int(tags["seed"]) if "seed" in tags else None
            line = {"kind": "version", "name": version.name, "version": number, "data": tags.get("data_digest")}
            ledger.append([line | kept | {"seed": seed}])
        elif known and known.get("artifact_hash") != tags.get("artifact_hash"):
            raise StoreError(
                f"{version.name} version {number} has other weights in {store.root.name}/ than in "
                f"{ledger.path.name}; delete {store.root.name}/ and publish again"
            )


def _number(ledger: Ledger, lines: list[Line], roots: Roots) -> dict[Identity, int]:
    """The version number of each run that is registered; new ones are written down."""
    numbers = {}
    for line in records.winners(lines):
        version = records.version_line(line, roots)
        if version is not None:
            number = ledger.number(version)
            if number is None:
                number = ledger.next_number(version["name"])
                ledger.append([version | {"version": number}])
            numbers[identity(line)] = number
    return numbers


def choose(candidates: list[tuple[Line, int]]) -> dict[str, int]:
    """champion, smallest and fastest -> version number, of (run, number) under one name.

    The champion is the experiment with the best validation score. Variants only compete for the other two: of a network
    and its quantized twin the better by a few validation items is better by luck. Ties go to the older version; where
    no validation items were held out, all are tied.
    """
    trained = [(line, n) for line, n in candidates if line["variant"] == "none"]
    if not trained:
        return {}
    champion = max(trained, key=lambda c: (records.rank(c[0]), -c[1]))
    floor = records.rank(champion[0]) - MARGIN - 1e-9
    near = [(line, n) for line, n in candidates if records.rank(line) >= floor]
    chosen = {"champion": champion[1]}
    for alias, kind, name in (("smallest", "metrics", "model/bytes"), ("fastest", "costs", "cost/latency_ms")):
        measured = [(line[kind][name], n) for line, n in near if name in line[kind]]
        if measured:
            chosen[alias] = min(measured)[1]
    return chosen


def _absent(params: Params, lines: list[Line]) -> set[tuple[str, int]]:
    """(key, seed) of runs that the active profile names and that are not here."""
    there = {(records.key(line), line["seed"]) for line in lines}
    return {(name, seed) for name in records.owners(params) for seed in params.active.seeds} - there


def _forget_placeholders(ledger: Ledger, roots: Roots) -> None:
    """Delete a store in which a version is called lost whose files have come: MLflow can't renew a version."""
    database = roots.store / "mlflow.db"
    if not database.is_file():
        return
    with closing(sqlite3.connect(f"file:{database.resolve()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("select name, version from model_version_tags where key = 'files'").fetchall()
    for name, number in rows:
        given = ledger.versions.get(name, [])
        version = given[int(number) - 1] if int(number) <= len(given) else None
        line = ledger.runs.get(identity(version)) if version and version.get("run_key") else None
        if version and line and models.files_of(version, line, roots):
            database.unlink()
            shutil.rmtree(roots.store / "artifacts", ignore_errors=True)
            return


def _note_aliases(
    ledger: Ledger, profile: str, lines: list[Line], numbers: dict[Identity, int], absent: set[tuple[str, int]]
) -> None:
    """Write down the aliases that have moved. One that a run holds which is not here stays: it may come."""
    by_name: dict[str, list[tuple[Line, int]]] = {name: [] for name in ledger.versions}
    for line in lines:
        if identity(line) in numbers:
            by_name[f"{line['dataset']}-{line['model']}"].append((line, numbers[identity(line)]))
    for name, candidates in sorted(by_name.items()):
        chosen = choose(candidates)
        for alias in ("champion", "smallest", "fastest"):
            full, number = f"{profile}_{alias}", chosen.get(alias)
            held = ledger.aliases.get(name, {}).get(full)
            holder = ledger.versions[name][held - 1] if held else None
            if holder and (records.key(holder), holder["seed"]) in absent:
                continue
            if held != number:
                ledger.append([{"kind": "alias", "name": name, "alias": full, "version": number}])


def _project_runs(ledger: Ledger, store: Store, current: set[Identity]) -> None:
    confusions = Confusions(store.roots)
    for run, line in ledger.runs.items():
        standing = "current" if run in current else "superseded"
        store.put_run(line, standing, partial(confusions.of, line, run in current))


def _project_versions(ledger: Ledger, store: Store) -> None:
    """Make missing versions in the order of their numbers; a number without a line or files becomes a placeholder."""
    present: dict[str, set[int]] = {}
    for found in store.client.search_model_versions(max_results=10_000):
        present.setdefault(found.name, set()).add(int(found.version))
    names = {model.name for model in store.client.search_registered_models(max_results=1000)}
    for name, given in ledger.versions.items():
        absent = [n for n in range(1, len(given) + 1) if n not in present.get(name, set())]
        if absent and absent[0] <= max(present.get(name, {0})):
            raise StoreError(
                f"version {absent[0]} of {name} was deleted from {store.root.name}/ by hand, and MLflow "
                f"never gives a number twice; delete {store.root.name}/ and publish again"
            )
        for number in absent:
            version = given[number - 1] or {"name": name, "version": number}
            run = (version.get("profile"), version.get("experiment"), version.get("variant"), version.get("run_key"))
            line = ledger.runs.get(run)  # type: ignore[arg-type]
            if name not in names:
                models.put_registered_model(store, name, line)
                names.add(name)
            models.put_version(store, version, line, store.runs.get(run))  # type: ignore[arg-type]


def _project_aliases(ledger: Ledger, store: Store, profiles: set[str]) -> None:
    """Set what the ledger says and take away what it no longer says; aliases of other names are the user's own."""
    ours = {f"{p}_{a}" for p in profiles for a in ("champion", "smallest", "fastest")}
    for model in store.client.search_registered_models(max_results=1000):
        wanted = ledger.aliases.get(model.name, {})
        found = {alias: int(number) for alias, number in model.aliases.items()}
        for alias, number in wanted.items():
            if found.get(alias) != number:
                store.client.set_registered_model_alias(model.name, alias, str(number))
                store.changed += 1
        for alias in (set(found) & ours) - set(wanted):
            store.client.delete_registered_model_alias(model.name, alias)
            store.changed += 1


class Confusions:
    """Confusion matrices on test: of current runs from results/, of older ones from their evaluate cells."""

    def __init__(self, roots: Roots) -> None:
        self.roots = roots
        self._current = lru_cache(self._read)

    def of(self, line: Line, current: bool) -> dict[str, Any] | None:
        """classes and counts, (K, K), true by predicted; None where nothing has it."""
        if not current:
            return self._cells.get(line["run_key"])
        table = self._current(self.roots.results(line["profile"], records.key(line)) / "confusion.json")
        counts = table.get("test", {}).get(str(line["seed"]))
        return {"classes": table["classes"], "counts": counts} if counts else None

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        return read_json(path) if path.is_file() else {}

    @cached_property
    def _cells(self) -> dict[str, dict[str, Any]]:
        found = {}
        for path in sorted(self.roots.cells.glob("*/cell.json"), key=lambda p: p.stat().st_mtime):
            spec = read_json(path.parent / "spec.json")
            if spec.get("kind") == "evaluate":
                result = read_json(path.parent / "result.json")
                if result.get("confusion"):
                    found[spec["inputs"]["model"]] = {"classes": result["classes"], "counts": result["confusion"]}
        return found


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """One publish at a time; the lock goes with the process, however it ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "publish.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def summary(receipt: dict[str, Any]) -> str:
    """A few lines for the terminal."""
    lines = [
        f"{receipt['runs']} runs of profile {receipt['profile']}, {len(receipt['failed'])} of them failed; "
        f"{sum(receipt['versions'].values())} versions of {len(receipt['versions'])} models; "
        f"{receipt['changed']} changes"
    ]
    lines += [f"failed: {failed}" for failed in receipt["failed"]]
    lines += [f"not there yet: {absent}" for absent in receipt["missing"]]
    lines += [
        f"{name}@{alias} -> version {number}"
        for name, aliases in receipt["aliases"].items()
        for alias, number in aliases.items()
    ]
    return "\n".join(lines)
