"""Pages of the documentation's site that do not lie in docs/: hooks of mkdocs.

The README and its like stay where people look for them, and become pages; their links are turned to the pages of the
site, and links to other files of the repository become plain text. The API has a page for each stage, with the modules
that are there, so that nothing has to be listed.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[1]

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "MODEL_CHANGELOG.md": "model-changelog.md",
    "sample_scenes/README.md": "sample-scene.md",
    "training/README.md": "training.md",
    "l4s_geo/bundles/models/rgb/README.md": "models/rgb.md",
    "l4s_geo/bundles/models/rgb-fast/README.md": "models/rgb-fast.md",
}
"""Files of the repository and the pages that they become."""

PACKAGES = {"l4s_geo": REPOSITORY / "l4s_geo", "l4s_training": REPOSITORY / "training" / "l4s_training"}

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_ELSEWHERE = re.compile(r"[a-z]+:|/|$")
_FETCHED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"?(https?:)?//[^>]*>")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere and those of the API, and put the API's into the navigation."""
    pages = {page: (REPOSITORY / source).read_text(encoding="utf-8") for source, page in PAGES.items()}
    stages = {f"api/{stage}.md": text for stage, text in api_pages().items()}
    for page, text in (pages | stages).items():
        files.append(File.generated(config, page, content=text))
    section: list[Any] = next(entry["API"] for entry in config.nav or [] if "API" in entry)
    section += [page for page in stages if page not in section]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn a page's links, which are those of its place in the repository, to the pages of the site."""
    here = page.file.src_uri
    source = next((source for source, name in PAGES.items() if name == here), f"docs/{here}")

    def turned(link: re.Match[str]) -> str:
        picture, text, target, anchor = link.group(1), link.group(2), link.group(3), link.group(4) or ""
        if _ELSEWHERE.match(target):
            return link.group()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        goal = PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
        if not goal:
            return text
        return f"{picture}[{text}]({posixpath.relpath(goal, posixpath.dirname(here) or '.')}{anchor})"

    return _LINK.sub(turned, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that would fetch something from the network when it is read."""
    if found := _FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} would fetch {found.group()} when it is read; keep a copy in docs/.")
    return output


def api_pages() -> dict[str, str]:
    """Return a page of the API for each stage of each package: the modules that state what they offer."""
    stages: dict[str, list[str]] = {}
    for package, root in PACKAGES.items():
        for path in sorted(root.rglob("*.py")):
            parts = (package, *path.relative_to(root).with_suffix("").parts)
            module = ".".join(parts).removesuffix(".__init__")
            if any(part.startswith("_") for part in module.split(".")):
                continue
            stage = f"{package}.{parts[1]}" if len(parts) > 2 else package
            stages.setdefault(stage, []).append(module)
    return {
        stage: f"# {stage}\n\n" + "".join(f"::: {module}\n\n" for module in sorted(modules))
        for stage, modules in stages.items()
    }
