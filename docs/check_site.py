"""Check the built site: links, anchors, and that no page is wider than its window.

    python docs/check_site.py build/docs

Every internal link must lead to a file of the site, and its anchor to an element there. Links to
other places are checked for their form only. Where there is a Chromium, every page is then laid out
in windows of 400 and 1280 pixels, and must not be wider than these.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

WIDTHS = (400, 1280)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: Seconds for the browser to lay out all pages.
PATIENCE = 180
LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}

#: Loads every page in a frame of every width, and tells which are wider, with the widest elements.
MEASURE = """<!doctype html><body style="margin:0"><script>
const pages = PAGES, widths = WIDTHS, found = [];
function loaded(frame, page) {
  return new Promise((done) => { frame.onload = done; frame.src = page; });
}
async function measure() {
  for (const width of widths) {
    const frame = document.createElement("iframe");
    frame.style.cssText = `border:0;width:${width}px;height:900px`;
    document.body.append(frame);
    for (const page of pages) {
      await loaded(frame, page);
      const root = frame.contentDocument.documentElement;
      if (root.clientWidth < 0.9 * width)
        found.push(`${page}: the window is ${root.clientWidth} pixels wide, not ${width}`);
      // The theme lets the text scroll sideways as a whole in a narrow window.
      const boxes = [root, ...root.querySelectorAll("body, .page, .main, .content, article")];
      const scrolls = (each) => each === root || getComputedStyle(each).overflowX !== "visible";
      const box = boxes.find((each) => scrolls(each) && each.scrollWidth > each.clientWidth);
      if (!box) continue;
      const right = box.getBoundingClientRect().left + box.clientWidth;
      const wide = [...box.querySelectorAll("*")]
        .filter((each) => each.getBoundingClientRect().right > right + 1)
        .sort((one, other) => other.offsetWidth - one.offsetWidth)
        .slice(0, 1).map((each) => each.outerHTML.slice(0, 120));
      found.push(`${page}: ${box.scrollWidth} pixels wide at ${width}: ${wide}`);
    }
    frame.remove();
  }
  return found;
}
measure().catch((error) => [String(error)]).then((found) =>
  fetch("/found", {method: "POST", body: JSON.stringify(found)}));
</script>"""


class Page(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of what an element refers to, and of its name."""
        values = dict(attrs)
        if (link := values.get(LINKS.get(tag, ""))) is not None:
            self.links.append(link)
        if (name := values.get("id")) is not None:
            self.anchors.append(name)


def broken_links(site: Path) -> list[str]:
    """What is wrong with the links of all pages."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    wrong = [] if pages else [f"{site} has no pages"]
    for path, page in pages.items():
        where = path.relative_to(site).as_posix()
        twice = {name for name in page.anchors if page.anchors.count(name) > 1}
        wrong += [f"{where}: two elements are called {name!r}" for name in sorted(twice)]
        reasons = {link: _broken(link, path, site, pages) for link in page.links}
        wrong += [f"{where}: {link!r} {reason}" for link, reason in reasons.items() if reason]
    return wrong


def _broken(link: str, path: Path, site: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        return None if parts.netloc else "has no host"
    if parts.scheme or parts.netloc:
        return None if parts.scheme in ("mailto", "data") else "is no link of the web"
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if not target.is_relative_to(site):
        return "leads out of the site"
    if not target.is_file():
        return "leads to no file"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "has an anchor that is not there"
    return None


class Handler(SimpleHTTPRequestHandler):
    """Serves the site and the page that measures it, and takes what was found."""

    def __init__(
        self, *args: object, found: list[list[str]], done: threading.Event, **more: object
    ):
        self._found, self._done = found, done
        super().__init__(*args, **more)  # type: ignore[arg-type]

    def do_POST(self) -> None:
        """Take what the page has found."""
        self._found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        self._done.set()

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def too_wide(site: Path, browser: str) -> list[str]:
    """Pages that do not fit their window, as a browser lays them out."""
    pages = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    measure = MEASURE.replace("PAGES", json.dumps(pages)).replace("WIDTHS", json.dumps(WIDTHS))
    found: list[list[str]] = []
    done = threading.Event()
    name = site / "_measure.html"
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, found=found, done=done, directory=str(site))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        name.write_text(measure)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            _browse(browser, f"http://127.0.0.1:{server.server_port}/{name.name}", profile, done)
    finally:
        name.unlink(missing_ok=True)
        server.shutdown()
    return found[0] if found else [f"{browser} did not lay out the pages within {PATIENCE} s"]


def _browse(browser: str, address: str, profile: str, done: threading.Event) -> None:
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    options += [
        "--window-size=1400,1000",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
    ]
    process = subprocess.Popen(
        [browser, *options, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        done.wait(PATIENCE)
    finally:
        process.terminate()
        process.wait(10)


def main() -> int:
    """Check a site, and tell what is wrong with it."""
    parser = argparse.ArgumentParser(description="Check the links and the widths of a built site.")
    parser.add_argument("site", type=Path)
    site = parser.parse_args().site.resolve()
    wrong = broken_links(site)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"widths are not checked: there is none of {', '.join(BROWSERS)}")
    else:
        wrong += too_wide(site, browser)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{site}: {len(wrong) or 'nothing'} wrong" + ("" if browser else ", links alone"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
