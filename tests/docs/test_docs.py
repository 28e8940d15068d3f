"""The documents: their links lead somewhere, and the files that their commands name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes/VoxCeleb/SSL_CADINO"
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks/README.md", RECIPE / "README.md"]
ONE_A_DOCUMENT = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def headings(text):
    """The anchors that GitHub gives a document's headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@ONE_A_DOCUMENT
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text()):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in headings(target.read_text()), link


@ONE_A_DOCUMENT
def test_files_of_commands_are_there(path):
    text = path.read_text()
    for name in re.findall(r"(?<![\w/])(?:benchmarks|docs)/[\w/]+\.(?:py|yaml|md)", text):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r"(?<![\w/])hparams/(?!X\.)[\w/]+\.yaml", text):  # X stands for any
        assert (RECIPE / name).is_file(), name


def test_every_study_is_listed():
    pages = {path.name for path in (ROOT / "docs/experiments").glob("*.md")} - {"README.md"}
    for listing in ("docs/experiments/README.md", "RESULTS.md"):
        assert pages <= set(re.findall(r"(\w+\.md)\)", (ROOT / listing).read_text())), listing
