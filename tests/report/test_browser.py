"""The page in a browser, where there is one: it opens, and fits a phone and a desk."""

import re
import shutil
import subprocess

import pytest

from speechbrain_cadino.report.write import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
PROBE = """<script>
const wide = [...document.querySelectorAll("figure, .card, h1, p")].filter(e => e.scrollWidth > e.clientWidth + 1);
const drawings = [...document.querySelectorAll("figure svg, figure img")];
const flat = drawings.filter(e => e.getBoundingClientRect().height < 40);
document.title = ["probed", innerWidth, document.documentElement.scrollWidth, wide.length, flat.length,
                  document.querySelectorAll("figure").length].join(" ");
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize("kind", ["dino", "iterated"])
def test_it_opens_and_fits(kind, request, tmp_path):
    text = write_report(request.getfixturevalue(kind)).read_text()
    page = tmp_path / "probed.html"
    page.write_text(text.replace("<details>", "<details open>").replace("</body>", f"{PROBE}</body>"))
    for width in (500, 1300):  # a window of Chromium is no narrower than 500
        done = subprocess.run(
            [BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/{width}",
             "--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={width},900", "--enable-logging=stderr",
             "--dump-dom", page.as_uri()],
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        shown = re.search(r"<title>probed (\d+) (\d+) (\d+) (\d+) (\d+)</title>", done.stdout)
        assert shown, done.stderr[-2000:]
        inner, scrolled, too_wide, flat, panels = map(int, shown.groups())
        assert scrolled <= inner and too_wide == flat == 0 and panels >= 8
        assert "CONSOLE" not in done.stderr
