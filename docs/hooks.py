"""What mkdocs.yml needs beside mkdocs: pages from outside docs/, the pages that nav does not name, the reference.

Every page keeps its path in the repository, so that the links which GitHub follows lead somewhere in the site too.
Links to files that are no pages become plain text.
"""

import ast
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGE = "speechbrain_cadino"
OUTSIDE = ("README.md", "RESULTS.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
OUTSIDE += ("recipes/VoxCeleb/SSL_CADINO/README.md",)
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def pages() -> list[str]:
    """The paths of all pages in the repository, in order."""
    return [*OUTSIDE, *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]


def rooms() -> dict[str, list[str]]:
    """The rooms of the package, each with the full names of what it offers, read from its source."""
    found = {}
    for path in sorted((ROOT / PACKAGE).glob("*/__init__.py")):
        names = [
            f"{node.module}.{alias.name}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}.{path.parent.name}.")
            for alias in node.names
        ]
        if names:
            found[path.parent.name] = names
    return {"inference": [f"{PACKAGE}.inference.SpeakerEncoder", f"{PACKAGE}.inference.FaceEncoder"], **found}


def on_config(config):
    """List what nav does not name: experiments, further pages of docs/, and the rooms."""
    named = set(re.findall(r"[\w/]+\.md", str(config.nav)))
    left = [page for page in pages() if page not in named]
    sections = {name: part for entry in config.nav if isinstance(entry, dict) for name, part in entry.items()}
    sections["Use"] += [page for page in left if "/experiments/" not in page]
    sections["Results"] += sorted(
        (page for page in left if "/experiments/" in page), key=lambda page: "README" not in page
    )
    sections["Parts"] += [f"reference/{room}.md" for room in rooms()]
    return config


def on_files(files, config):
    """All pages under their paths in the repository; of docs/ nothing else but the notebooks."""
    kept = [
        file for file in files if not file.src_uri.endswith((".md", ".py", ".ipynb")) and file.inclusion.is_included()
    ]
    found = Files([file for file in kept if not file.src_uri.startswith("experiments/")])
    for path in [*pages(), *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.ipynb"))]:
        found.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for room, names in rooms().items():
        text = f"# {room}\n\n" + "\n".join(f"::: {name}\n" for name in names)
        found.append(File.generated(config, f"reference/{room}.md", content=text))
    return found


def on_page_markdown(markdown, page, config, files):
    """Links to what the site does not have, as text."""
    here = Path(page.file.src_uri).parent

    def plain(match):
        text, target = match.groups()
        path = _normal(here / target.partition("#")[0])
        return (
            match[0] if path.endswith(".md") or files.get_file_from_path(path) else text
        )  # mkdocs tells of lost pages

    return LINK.sub(plain, markdown)


def _normal(path):
    parts = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
