"""The site: built from the pages as they are, without a warning, and nothing in it is loaded from elsewhere."""

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("material")
pytest.importorskip("mkdocstrings")
commands = pytest.importorskip("mkdocs.commands.build")
config = pytest.importorskip("mkdocs.config")

ROOT = Path(__file__).parents[2]
LOADED = re.compile(
    r'<(?:script|img|iframe|source|embed)\b[^>]*\bsrc="(?:https?:)?//|@import|url\([\'"]?(?:https?:)?//'
)
SHEET = re.compile(
    r'<link\b(?=[^>]*rel="(?:stylesheet|preconnect|icon|preload|modulepreload)")[^>]*href="(?:https?:)?//'
)


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs/hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built strictly: a link that leads nowhere, an anchor that is not there, a page that no menu names are errors."""
    output = tmp_path_factory.mktemp("site")
    loaded = config.load_config(str(ROOT / "mkdocs.yml"), site_dir=str(output), strict=True)
    loaded.plugins.on_startup(command="build", dirty=False)
    commands.build(loaded)
    return output


def test_every_page_is_there(site, hooks):
    for page in hooks.pages():
        path = page.replace("README.md", "index.md")
        assert (site / path).with_suffix(".html").is_file(), page
    assert {path.stem for path in (site / "reference").glob("*.html")} == {*hooks.rooms()}
    assert len(list((site / "docs/notebooks").glob("*.ipynb"))) == 2


def test_nothing_is_loaded_from_elsewhere(site):
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        found = LOADED.search(text) or SHEET.search(text)
        assert not found, f"{page}: {found[0]}"


def test_the_reference_has_what_rooms_offer(site, hooks):
    for room, names in hooks.rooms().items():
        text = (site / f"reference/{room}.html").read_text(encoding="utf-8")
        for name in names:
            assert f'id="{name}"' in text, name
    assert "Fit the two covariances on labelled embeddings" in (site / "reference/verification.html").read_text()


def test_links_of_the_home_page_lead_into_the_site(site):
    text = (site / "index.html").read_text(encoding="utf-8")
    for link in ("docs/experiments/threshold.html", "RESULTS.html", "recipes/VoxCeleb/SSL_CADINO/index.html"):
        assert f'href="{link}' in text
        assert (site / link).is_file()


def test_rooms_are_read_from_the_source(hooks):
    import speechbrain_cadino.dino as dino

    assert {name.rpartition(".")[2] for name in hooks.rooms()["dino"]} == set(dino.__all__)


@pytest.mark.parametrize(
    "link, kept",
    [("data.md", True), ("data.md#faces", True), ("../LICENSE", False), ("../recipes", False), ("nowhere.md", True)],
)
def test_links_to_what_is_no_page_are_text(hooks, link, kept):
    class Files:
        def get_file_from_path(self, path):
            return path == "docs/data.md"

    class Page:
        class file:
            src_uri = "docs/faq.md"

    found = hooks.on_page_markdown(f"See [this]({link}), [that](https://a.b) and [here](#x).", Page, None, Files())
    assert found == f"See {f'[this]({link})' if kept else 'this'}, [that](https://a.b) and [here](#x)."
