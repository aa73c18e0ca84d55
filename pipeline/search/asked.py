"""Which experiments a sweep is about."""

from pipeline.build.selection import ALL
from pipeline.config.loading import Params, ParamsError
from pipeline.config.messages import unknown


def chosen(params: Params, experiments: str | None, task: str | None) -> list[str]:
    """Those named, with commas between them, or those of a part of the build; without either those of every build.

    ParamsError where one has no space, or where none is left.
    """
    if not params.search:
        raise ParamsError("params.yaml: nothing to search; give the section search an entry for an experiment")
    if experiments:
        return [_known(params, name.strip()) for name in experiments.split(",")]
    parts = {key: params.data[params.experiments[key].data].part for key in params.search}
    if task and task not in {*parts.values(), ALL} - {""}:
        raise ParamsError(unknown("part of the build with a space to search", task, {*parts.values(), ALL} - {""}))
    found = [
        key for key, part in parts.items() if task in (part, ALL) or not (task or params.experiments[key].on_request)
    ]
    if not found:
        raise ParamsError(f"params.yaml: search has only rows on request; name one: {', '.join(params.search)}")
    return found


def _known(params: Params, name: str) -> str:
    if name in params.experiments and name not in params.search:
        raise ParamsError(f"params.yaml: search has no entry {name!r}; it has: {', '.join(params.search)}")
    if name not in params.search:
        raise ParamsError(unknown("experiment to search", name, params.search))
    return name
