"""Shows a page in headless Chromium and says what became of it: browse.py PAGE FOLDER

For a light and a dark screen, at three widths: whether anything is wider than the screen, the least contrast of any text to what is
behind it (WCAG 2.1, 1.4.3), charts' marks and labels outside of their frame, errors on the console, addresses asked for. Screenshots go
into the folder.
"""
import html
import json
import os
import re
import shutil
import subprocess
import sys

page, folder = sys.argv[1:]
WIDTHS = [360, 800, 1280]
BROWSER = next(found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name)))
HARNESS = """<!doctype html><meta charset=utf-8><body style="margin:0">%s<pre id=result></pre><script>
const channel = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const clear = c => c.length > 3 && c[3] === 0;
function behind(view, element) {
  for (let e = element; e; e = e.parentElement) {
    const c = parse(view.getComputedStyle(e).backgroundColor);
    if (!clear(c)) return c;
  }
  return [255, 255, 255];
}
window.onload = () => {
  const out = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const doc = frame.contentDocument, view = frame.contentWindow;
    for (const d of doc.querySelectorAll("details")) d.open = true;
    let least = 99, where = "";
    for (const e of doc.querySelectorAll("body *")) {
      const text = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join("");
      const box = e.getBoundingClientRect();
      if (!text || !box.width || e.closest("title,desc,style")) continue;
      const style = view.getComputedStyle(e);
      const front = e.closest("svg") ? parse(style.fill) : parse(style.color);
      const a = light(front), b = light(behind(view, e.closest("svg") ? e.closest("svg") : e));
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < least) { least = contrast; where = e.tagName + ": " + text.slice(0, 40); }
    }
    const outside = [];
    for (const svg of doc.querySelectorAll("svg")) {
      const all = svg.getBoundingClientRect();
      for (const e of svg.querySelectorAll("rect,path,text,line,circle,polyline")) {
        const b = e.getBoundingClientRect();
        if (b.left < all.left - 1 || b.right > all.right + 1 || b.top < all.top - 1 || b.bottom > all.bottom + 1) outside.push(e.outerHTML.slice(0, 120));
      }
    }
    out.push({width: frame.clientWidth, scroll: doc.documentElement.scrollWidth, contrast: least, where, outside,
      background: view.getComputedStyle(doc.body).backgroundColor, height: doc.documentElement.scrollHeight,
      headings: [...doc.querySelectorAll("h1,h2")].map(h => h.textContent), charts: doc.querySelectorAll("svg").length,
      text: doc.body.innerText.length});
  }
  document.getElementById("result").textContent = JSON.stringify(out);
};
</script>"""

source = html.escape(open(page).read(), quote=True)
harness = os.path.join(folder, "harness.html")
with open(harness, "w") as file:
    file.write(HARNESS % "".join(f'<iframe srcdoc="{source}" style="border:0;width:{w}px;height:900px"></iframe>' for w in WIDTHS))


def chromium(scheme, *arguments):
    outcome = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=3000",
         f"--user-data-dir={folder}/profile", f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}", *arguments],
        capture_output=True, text=True, timeout=120)
    return outcome.stdout, re.findall(r"CONSOLE.*", outcome.stderr)


result = {}
for scheme in ("light", "dark"):
    dom, errors = chromium(scheme, "--window-size=1400,1000", "--dump-dom", "file://" + os.path.abspath(harness))
    found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.S)
    views = json.loads(html.unescape(found[1]))
    for width in (WIDTHS[0], WIDTHS[2]):
        height = min(6000, next(view["height"] for view in views if view["width"] == width))
        _, more = chromium(
            scheme, f"--window-size={width},{height}", f"--screenshot={os.path.abspath(folder)}/{scheme}-{width}.png", "file://" + os.path.abspath(page))
        errors += more
    result[scheme] = {"views": views, "console": errors}
text = open(page).read()
result["addresses"] = re.findall(r'(?:src|href)="(?!#)([^"]+)"|url\((?!#)([^)]+)\)|@import', text)
print(json.dumps(result))
