"""What the ledger and the store get: version numbers and aliases first, then runs, versions and aliases in MLflow."""

from typing import Any

from pipeline.config.sections import Params
from pipeline.tracking import models, records
from pipeline.tracking.ledger import Ledger, Line
from pipeline.tracking.records import REMAKE, Collected, Identity, Models, Roots, StoreError, identity
from pipeline.tracking.store import Store

ALIASES = ("champion", "smallest", "fastest")


def project(params: Params, roots: Roots, found: Models, collected: Collected) -> tuple[dict[str, Any], int]:
    """(what the receipt says, number of changes in the store)."""
    ledger, lines = Ledger(roots.ledger), collected.lines
    store = Store(roots)
    _adopt(ledger, store)
    numbers = _number(ledger, lines)
    _note_aliases(ledger, params.profile, lines, numbers, _absent(params, lines))
    for line in lines:
        store.put_run(line)
    store.supersede(params.profile, collected.current)
    _project_versions(ledger, store, lines, found)
    _project_aliases(ledger, store, set(params.profiles))
    return {
        "profile": params.profile,
        "runs": len(lines),
        "failed": [f"{records.key(r)}, seed {r['seed']}: {r['reason']}" for r in lines if r["status"] != "ok"],
        "missing": collected.missing,
        "versions": {name: len(given) for name, given in sorted(ledger.versions.items())},
        "aliases": {name: dict(sorted(a.items())) for name, a in sorted(ledger.aliases.items()) if a},
    }, store.changed


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
                f"{ledger.path.name}; {REMAKE}"
            )


def _number(ledger: Ledger, lines: list[Line]) -> dict[Identity, int]:
    """The version number of each run that is registered; new ones are written down."""
    numbers = {}
    for line in records.winners(lines):
        version = records.version_line(line)
        if version is not None:
            number = ledger.number(version)
            if number is None:
                number = ledger.next_number(version["name"])
                ledger.append([version | {"version": number}])
            numbers[identity(line)] = number
    return numbers


def choose(candidates: list[tuple[Line, int]]) -> dict[str, int]:
    """champion, smallest and fastest -> version number, of (run, number) under one name.

    The champion is the experiment with the best validation score. Variants only compete for the other two, which may be
    worse by the margin that the task states: of a network and its quantized twin the better by a few validation items
    is better by luck. Ties go to the older version; where no validation items were held out, all are tied.
    """
    trained = [(line, n) for line, n in candidates if line["variant"] == "none"]
    if not trained:
        return {}
    champion = max(trained, key=lambda c: (records.rank(c[0]), -c[1]))
    floor = records.rank(champion[0]) - records.metric(champion[0]).margin - 1e-9
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
    return {(name, seed) for name in records.owners(params) for seed in params.seeds_of(name)} - there


def _note_aliases(
    ledger: Ledger, profile: str, lines: list[Line], numbers: dict[Identity, int], absent: set[tuple[str, int]]
) -> None:
    """Write down the aliases that have moved. One that a run holds which is not here stays: it may come."""
    by_name: dict[str, list[tuple[Line, int]]] = {name: [] for name in ledger.versions}
    for line in lines:
        if identity(line) in numbers:
            by_name[f"{line['dataset']}-{line['model']}"].append((line, numbers[identity(line)]))
    moved = []
    for name, candidates in sorted(by_name.items()):
        chosen = choose(candidates)
        for alias in ALIASES:
            full, number = f"{profile}_{alias}", chosen.get(alias)
            held = ledger.aliases.get(name, {}).get(full)
            holder = ledger.versions[name][held - 1] if held else None
            if holder and (records.key(holder), holder["seed"]) in absent:
                continue
            if held != number:
                moved.append({"kind": "alias", "name": name, "alias": full, "version": number})
    ledger.append(moved)


def _project_versions(ledger: Ledger, store: Store, lines: list[Line], found: Models) -> None:
    """Make the versions whose files are here, and fill those that were made when they were not.

    MLflow counts for itself, so a number before one of these, whose files are nowhere, becomes a placeholder. One after
    all of these stays a line of the ledger.
    """
    runs: dict[tuple[Any, ...], Line] = {(line["weights_hash"], *identity(line)[:3]): line for line in lines}
    present: dict[str, dict[int, Any]] = {}
    for version in store.client.search_model_versions(max_results=10_000):
        present.setdefault(version.name, {})[int(version.version)] = version
    for name, given in ledger.versions.items():
        there = present.get(name, {})
        folders = {n: found.of_hash((line or {}).get("artifact_hash")) for n, line in enumerate(given, start=1)}
        last = max((n for n, folder in folders.items() if folder), default=0)
        absent = [n for n in range(1, last + 1) if n not in there]
        if gaps := [n for n in range(1, max(there, default=0) + 1) if n not in there]:
            raise StoreError(
                f"version {gaps[0]} of {name} was deleted from {store.root.name}/ by hand, and MLflow "
                f"never gives a number twice; {REMAKE}"
            )
        for number in absent:
            line: Line = given[number - 1] or {"name": name, "version": number}
            run = runs.get(tuple(line.get(n) for n in ("artifact_hash", "profile", "experiment", "variant")))
            models.put_version(store, line, folders[number], run)
        for number, folder in folders.items():
            if folder and number in there and "files" in there[number].tags:
                models.fill(store, given[number - 1] or {}, folder)


def _project_aliases(ledger: Ledger, store: Store, profiles: set[str]) -> None:
    """Set what the ledger says of versions that have files here, take away others of ours; the user's own stay."""
    versions = store.client.search_model_versions(max_results=10_000)
    whole = {(version.name, int(version.version)) for version in versions if "files" not in version.tags}
    ours = {f"{profile}_{alias}" for profile in profiles for alias in ALIASES}
    for model in store.client.search_registered_models(max_results=1000):
        said = ledger.aliases.get(model.name, {})
        wanted = {alias: number for alias, number in said.items() if (model.name, number) in whole}
        found = {alias: int(number) for alias, number in model.aliases.items()}
        for alias, number in wanted.items():
            if found.get(alias) != number:
                store.client.set_registered_model_alias(model.name, alias, str(number))
                store.changed += 1
        for alias in (set(found) & ours) - set(wanted):
            store.client.delete_registered_model_alias(model.name, alias)
            store.changed += 1
