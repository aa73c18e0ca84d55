"""README, CHANGELOG, CONTRIBUTING and docs/: links lead somewhere, commands exist, tables are the newest."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipeline.report import readme
from tests.sources import ROOT
from tests.test_architecture import CHAIN

PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + PAGES
LINK = re.compile(r"\]\(([^)\s]+)\)")
each = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def prose(path: Path) -> Iterator[str]:
    """Lines outside of blocks of code."""
    code = False
    for line in path.read_text().splitlines():
        if line.startswith("```"):
            code = not code
        elif not code:
            yield line


def anchors(path: Path) -> set[str]:
    """Of headings, as code hosts and MkDocs make them."""
    headings = (line.lstrip("#").strip().lower() for line in prose(path) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def test_the_readme_is_short_and_opens_with_the_table() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 180
    assert text.index("make repro") < text.index(readme.mark("table")) < text.index("## ")


@each
def test_lines_fit_into_a_window(path: Path) -> None:
    assert not [line for line in prose(path) if len(line) > 120 and not line.startswith("|")]


@each
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    for link in LINK.findall("\n".join(prose(path))):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
        # The built site has what lies in docs/, and the pictures that docs/hooks.py adds.
        assert path not in PAGES or target.is_relative_to(ROOT / "docs") or name.endswith(".png"), link


@each
def test_every_target_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", path.read_text(), re.MULTILINE)) <= targets


def test_every_page_is_in_the_navigation_and_the_other_way_round() -> None:
    text = (ROOT / "mkdocs.yml").read_text().replace("!!python/name:", "")
    named = [name for entry in yaml.safe_load(text)["nav"] for name in entry.values()]
    assert sorted(named) == [path.name for path in PAGES]


def test_the_layers_are_those_that_are_tested() -> None:
    section = (ROOT / "docs" / "architecture.md").read_text().partition("## Layers")[2].partition("\n## ")[0]
    rooms = re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE)
    assert rooms == [name for siblings in CHAIN for name in siblings]


@pytest.mark.parametrize("name", readme.TABLES)
def test_tables_are_the_newest(name: str) -> None:
    text, mark = (ROOT / name).read_text(), readme.mark(readme.TABLES[name][0])
    assert text == readme.refreshed(name, text)
    with pytest.raises(ValueError, match=re.escape(f"{name}: no {mark}")):
        readme.refreshed(name, text.replace(mark, ""))


def test_packages_of_the_site_are_hashed_and_name_no_registry() -> None:
    text = (ROOT / "requirements-docs.txt").read_text()
    pinned = re.findall(r"^[a-z].*==", text, re.MULTILINE)
    assert len(pinned) > 10 and text.count(" \\\n    --hash=sha256:") >= len(pinned) and "://" not in text
