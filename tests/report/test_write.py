"""The page as a whole: one file, complete, for itself."""

import html.parser
import re
import time

import pytest
from click.testing import CliRunner

from speechbrain_cadino.commands.report import command
from speechbrain_cadino.report.write import report_or_warn, write_report
from speechbrain_cadino.utils.errors import UserError

VOID = {"meta", "img", "br", "path", "use", "rect", "link", "input", "hr"}


class Nesting(html.parser.HTMLParser):
    """Notes what is not closed in its order, and what is asked for from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.faults, self.images = [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.faults += [f"{tag} {name}" for name in attrs if name.startswith("on")] + [tag] * (
            tag in ("script", "link")
        )
        for name in ("src", "href", "xlink:href"):
            if not attrs.get(name, "#").startswith(("#", "data:")):
                self.faults.append(attrs[name])
        if tag == "img" or attrs.get("role") == "img":
            self.images.append(attrs.get("alt") if tag == "img" else attrs.get("aria-label"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.faults.append(f"</{tag}>")


@pytest.mark.parametrize("kind", ["dino", "iterated"])
def test_one_file_that_needs_nothing_else(kind, request):
    folder = request.getfixturevalue(kind)
    start = time.process_time()
    path = write_report(folder)
    assert path == folder / "report.html" and time.process_time() - start < 20
    text = path.read_text(encoding="utf-8")
    assert len(text) < 3_000_000 and not list(folder.glob(".*"))
    page = Nesting()
    page.feed(text)
    assert page.open == [] and page.faults == []
    assert [alt for alt in page.images if alt] and not [alt for alt in page.images if alt is None]
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))  # else a drawing is clipped by another's frame
    assert "viewport" in text and "two &lt;Gaussians&gt;" in text or kind == "dino"
    headings = re.findall(r"<h3>(.*?)</h3>", text)
    wanted = {"Map of the embeddings by cluster", "DET curve of the development list", "Where the time went"}
    wanted |= {"Losses of face in epoch 6"} if kind == "iterated" else {"Loss (nats)", "Entropies (nats)"}
    assert wanted <= set(headings)
    assert "changed over hparams/dino.yaml" in text and "followed the corpus (auto)" in text


def test_the_same_run_gives_the_same_page(dino):
    assert write_report(dino).read_bytes() == write_report(dino, dino / "other.html").read_bytes()


def test_names_are_text(dino):
    folder = dino.rename(dino.with_name("<script>alert(1)<br>&$x$"))
    text = write_report(folder, dino.with_name("report.html")).read_text()
    assert "<script>" not in text and "&lt;script&gt;alert(1)" in text


def test_a_place_that_will_not_do(dino, tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path} is a folder: name a file"):
        write_report(dino, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        write_report(dino, tmp_path / "file/report.html")


@pytest.mark.parametrize("error", [UserError("no room"), RuntimeError("odd"), MemoryError()])
def test_at_the_end_of_a_training_it_fails_as_a_warning(dino, error, monkeypatch, caplog):
    def fail(*_):
        raise error

    monkeypatch.setattr("speechbrain_cadino.report.write.read_run", fail)
    report_or_warn(dino)
    assert "The report of the run could not be written: " in caplog.text and not (dino / "report.html").exists()


def test_the_command(dino, tmp_path):
    done = CliRunner().invoke(command, [str(dino), "-o", str(tmp_path / "new/it.html")])
    assert done.exit_code == 0 and done.output == f"The report is {tmp_path}/new/it.html.\n"
    assert (tmp_path / "new/it.html").is_file()
    assert isinstance(CliRunner().invoke(command, [str(tmp_path / "none")]).exception, UserError)
    assert "speechbrain-cadino report" in CliRunner().invoke(command, ["--help"]).output
