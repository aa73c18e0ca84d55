"""A folder a class: `<class>/*.txt`, or `{train,val,test}/<class>/*.txt`."""

from pathlib import Path

from pipeline.data.raw import Raw
from pipeline.data.readers import _folders, _texts

KIND = "tokens"


def read(
    folder: Path,
    *,
    encoding: str = "utf-8",
    endings: list[str] = [".txt"],  # noqa: B006 (read as a literal, never changed)
    subfolders: bool = False,
) -> Raw:
    """Texts (N,) and class numbers (N,).

    endings: of the names of texts, in small letters; any if empty. subfolders: a text in a folder of a class folder is
    of that class. Files that are left out are told in `remarks`.
    """
    found = _folders.find(folder, "text", endings, subfolders)
    splits = {}
    for split, paths in found.paths.items():
        texts = [_texts.decoded(path, encoding) for path in paths]
        splits[split] = _texts.objects(texts), found.labels[split]
    return Raw(KIND, splits, found.classes, remarks=tuple(found.remarks), where=found.where)
