"""The only reader of params.yaml: errors name key, line and the nearest valid name.

Importing this must stay cheap: every command with nothing to do pays for it.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from yaml import YAMLError
from yaml.error import MarkedYAMLError

from pipeline.config import reading
from pipeline.config.checks import contradictions
from pipeline.config.expansion import Expansion
from pipeline.config.messages import explained, unknown
from pipeline.config.reading import Lines
from pipeline.config.sections import STUDIES, Params
from pipeline.errors import Told
from pipeline.paths import PARAMS


class ParamsError(Told, ValueError):
    """params.yaml can't be run; the message lists every problem."""


def load(path: Path | None = None, profile: str | None = None) -> Params:
    """Read and check, for the active profile or another: rows of other profiles only are not in it.

    ParamsError lists all problems, each with its line.
    """
    path = path or PARAMS
    raw, text = read(path)
    return parse(raw | ({"profile": profile} if profile else {}), text, path.name)


def read(path: Path) -> tuple[dict[str, Any], str]:
    """(sections as they are written, text) of a parameter file, not checked."""
    try:
        text = path.read_text(encoding="utf-8")
        raw = reading.read(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ParamsError(f"{path.name}{line}: {', '.join(filter(None, [error.context, error.problem]))}") from error
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ParamsError(f"{path.name}: {error}") from error
    if not isinstance(raw, dict):
        raise ParamsError(f"{path.name}: expected a mapping of sections, found {type(raw).__name__}")
    return raw, text


def parse(raw: dict[str, Any], text: str = "", name: str = "params.yaml") -> Params:
    """Check a mapping; `text` is where line numbers are looked up."""
    try:
        rows = Expansion.of(raw)
    except ValidationError:  # the types of the sections tell of it, with all else
        rows = Expansion({**raw, "experiments": {}})
    problems = list(rows.problems)
    try:
        params = Params.model_validate(rows.sections)
        problems += contradictions(params)
    except ValidationError as error:
        problems += explained(error, Params)
    if problems:
        lines = Lines(text)
        found = rows.located(problems)
        said = [f"{name}:{lines.of(where)}: {'.'.join(map(str, where))}: {what}" for where, what in found]
        raise ParamsError("\n".join(said))
    return _of_its_profile(params)


def _of_its_profile(params: Params) -> Params:
    rows = {k: e for k, e in params.experiments.items() if e.only is None or params.profile in e.only}
    variants = {k: v for k, v in params.variants.items() if v.of in rows}
    search = {k: s for k, s in params.search.items() if k in rows}
    found = params.model_copy(update={"experiments": rows, "variants": variants, "search": search})
    found._varied = {k: e for k, e in params.experiments.items() if e.only == [STUDIES]}
    found._elsewhere = {k: k for k in params.experiments} | {k: v.of for k, v in params.variants.items()}
    for key in (*rows, *variants):
        del found._elsewhere[key]
    return found


def no_row(params: Params, key: str) -> str:
    """What to say where nothing that the active profile has is called `key`."""
    if key in params.varied_rows and key not in params.experiments:
        return f"{key} is a row of studies and in no table; `make studies` varies it"
    if key in params.elsewhere:
        return (
            f"{key} is no row of profile {params.profile} (see its `only`); name its own profile in params.yaml first"
        )
    return unknown("experiment", key, [*params.experiments, *params.variants])
