"""Builds the documents as a site (`make docs`), with nothing in it from another machine.

mkdocs calls the functions whose names begin with `on_`. The documents stay readable where they
are: a link to a file outside of docs/ becomes one to its copy in the site, or its name alone.
"""

from __future__ import annotations

import re
from importlib.resources import files as package_files
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).parent.parent
# Pages of the repository that the site has too, and folders whose files it gives.
_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
_FOLDERS = ("examples",)
_BESIDE = "repository"
# Draws the charts in the reader's browser; the theme would fetch it from another machine.
_MERMAID = "assets/mermaid.js"
# A page that was opened as a file may start no worker, which the search is; the theme would fetch
# this from another machine too.
_WORKER = "assets/iframe-worker.js"
_CHART = re.compile(r'(<pre class="mermaid">.*?</pre>)', re.DOTALL)
_CHART_STYLE = "<style>.chart{overflow-x:auto}.chart>.mermaid{min-width:34rem}</style>"
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(docs/([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Fills the parts of the navigation that are whole folders, and puts what none names last."""
    for part in config["nav"]:
        for entry in next(iter(part.values())):
            if isinstance(entry, dict) and [] in entry.values():
                (name,) = entry
                folder = Path(config["docs_dir"], name.lower())
                rest = sorted(p.name for p in folder.glob("*.md") if p.name != "README.md")
                entry[name] = [f"{name.lower()}/{page}" for page in ("README.md", *rest)]
    written = str(config["nav"])
    pages = sorted(page.name for page in Path(config["docs_dir"]).glob("*.md"))
    last = next(iter(config["nav"][-1].values()))
    last += [page for page in pages if f"'{page}'" not in written]
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Adds what the documents link to and what draws the charts."""
    for page in _PAGES:
        files.append(File.generated(config, f"{_BESIDE}/{page}", abs_src_path=str(_ROOT / page)))
    for folder in _FOLDERS:
        for path in sorted((_ROOT / folder).iterdir()):
            if path.is_file():
                name = f"{_BESIDE}/{folder}/{path.name}"
                files.append(File.generated(config, name, abs_src_path=str(path)))
    mermaid = str(package_files("mermaidx") / "assets" / "mermaid.js")
    files.append(File.generated(config, _MERMAID, abs_src_path=mermaid))
    worker = str(_ROOT / "supply" / Path(_WORKER).name)
    files.append(File.generated(config, _WORKER, abs_src_path=worker))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Files, **_: Any) -> str:
    """Turns links out of docs/ into links within the site, or into names."""
    uri = page.file.src_uri
    own = f"{_BESIDE}/"
    at = (
        PurePosixPath(uri.removeprefix(own)).parent
        if uri.startswith(own)
        else PurePosixPath("docs", uri).parent
    )
    markdown = _PICTURE.sub(lambda found: f"![{found[1]}](../{found[2]})", markdown)

    def rewrite(found: re.Match[str]) -> str:
        text, target, anchor = found[1], found[2], found[3] or ""
        path = normpath(str(at / target))
        known = path.removeprefix("docs/") if path.startswith("docs/") else f"{own}{path}"
        if files.get_file_from_path(known) is None:
            named = text if path in text else f"{text} (`{path}`)"
            # A wrong link stays, and stops the build.
            return named if (_ROOT / path).exists() else found[0]
        steps = [".."] * uri.count("/")
        return f"[{text}]({'/'.join([*steps, known])}{anchor})"

    return _LINK.sub(rewrite, markdown)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Gives what draws charts to the pages that have some: it is larger than all the others.

    A chart is as wide as it can be read, and is moved aside on a narrow screen.
    """
    if 'class="mermaid"' not in output:
        return output
    steps = "../" * page.file.dest_uri.count("/")
    head = f'{_CHART_STYLE}<script src="{steps}{_MERMAID}"></script></head>'
    output = _CHART.sub(r'<div class="chart" tabindex="0">\1</div>', output)
    return output.replace("</head>", head, 1)
