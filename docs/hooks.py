"""Pictures of reports in the built site: pages name them by their path in the repository, which is outside of docs/.

MkDocs knows only files below docs/. So each picture that a page names as `../reports/...png` is added to the site.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

PICTURE = re.compile(r"\]\(\.\./((?:studies/)?reports/[^)\s]+\.png)\)")


def on_files(files: Files, config: Any) -> Files:
    root = Path(config["docs_dir"]).parent
    pages = [path.read_text(encoding="utf-8") for path in Path(config["docs_dir"]).glob("*.md")]
    for name in sorted({name for text in pages for name in PICTURE.findall(text)}):
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    return PICTURE.sub(r"](\1)", markdown)
