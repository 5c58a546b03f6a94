"""The documentation builds as a site; every link and anchor in it leads somewhere."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOREIGN = re.compile(r"""(?:src|href)=["']?(https?://[^"' >]+)[^>]*?(?:stylesheet|\.js|\.css)""")


def build(root, site):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("site")
    done = build(ROOT, place)
    assert 0 == done.returncode, done.stderr
    return place


def test_every_page_of_docs_is_in_the_site(site):
    pages = {
        path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")
    }
    built = {path.parent.relative_to(site) for path in site.rglob("index.html")}
    for page in pages:
        wanted = page.parent if page.name == "index" else page
        assert wanted in built


def test_it_fetches_nothing_from_elsewhere_when_it_is_read(site):
    for page in site.rglob("*.html"):
        assert [] == FOREIGN.findall(page.read_text("utf-8")), page.name


@pytest.mark.parametrize("planted", ["[x](nowhere.md)", "[x](faq.md#no-such-part)"])
def test_a_link_that_leads_nowhere_is_noticed(tmp_path, planted):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    page = tmp_path / "docs" / "index.md"
    page.write_text(page.read_text() + f"\n{planted}\n")
    assert 0 != build(tmp_path, tmp_path / "site").returncode


def test_the_readmes_links_lead_to_files():
    text = (ROOT / "README.md").read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert len(links) > 8
    assert [] == [link for link in links if not (ROOT / link).exists()]


def test_the_pictures_have_words_for_those_who_do_not_see_them():
    for page in (ROOT / "docs").rglob("*.md"):
        for words, _ in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text("utf-8")):
            assert len(words) > 8, page.name
