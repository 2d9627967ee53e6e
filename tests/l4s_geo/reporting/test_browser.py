"""A report in a real browser: it opens without an error, filters, swipes, and fetches nothing."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

import l4s_geo

from .conftest import HOSTILE, facts_of, landslides, save, write_scene

WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with its driver (Debian: chromium, chromium-driver)"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    profile = tmp_path_factory.mktemp("profile")
    sandbox = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        *sandbox,
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": "en"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, made) -> Any:
    """A report with two dates, and the browser that has opened it."""
    l4s_geo.report(made.inventory, out=made.out, scene=made.scene, before=made.before)
    return opened(browser, made.out)


def opened(browser, path, width: int = 1400, height: int = 900) -> Any:
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(path.as_uri())
    return browser


def run(browser, script: str, *arguments: Any) -> Any:
    """Run a script, wait for what it has asked for, and return what it returns."""
    return browser.execute_async_script(
        f"const done = arguments[arguments.length - 1]; const it = (() => {{ {script} }})();"
        "requestAnimationFrame(() => setTimeout(() => done(typeof it === 'function' ? it() : it), 30));",
        *arguments,
    )


COUNT = "return () => document.querySelector('#count').textContent"
SET = "const input = document.querySelector(arguments[0]); input.value = arguments[1];"
TELL = "input.dispatchEvent(new Event('input', { bubbles: true }));"


def assert_quiet(browser) -> None:
    """No error on the console, and nothing asked of a network."""
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_it_opens_without_an_error_and_asks_no_network(page):
    shown = run(
        page,
        "const all = (it) => [...document.querySelectorAll(it)]; return { tiles: all('.leaflet-tile').length, "
        "plots: all('.uplot').length, language: document.documentElement.lang, "
        "broken: all('img').filter((i) => i.src && !i.naturalWidth).length }",
    )
    assert shown["tiles"] >= 2
    assert shown["plots"] == 4
    assert shown["language"] == "en"
    assert shown["broken"] == 0
    assert_quiet(page)


def test_filters_change_the_count(page):
    assert run(page, COUNT).startswith("20 of 20 landslides")
    run(page, f"{SET}{TELL}", "#filter-slope", "15")
    assert run(page, COUNT).startswith("10 of 20")
    run(page, f"{SET}{TELL}", "#filter-area", "5")  # from 2,000 m²
    frame = landslides(20)
    kept = frame[(frame["slope_mean_deg"] >= 15) & (frame["area_m2"] >= 5000)]
    assert run(page, COUNT).startswith(f"{len(kept)} of 20")
    run(page, "document.querySelector('#filters input[name=kind]').click(); return 1")
    kept = kept[kept["confidence"] != "high"]
    assert run(page, COUNT) == f"{len(kept)} of 20 landslides, {kept['area_m2'].sum() / 1e6:.3f} km²"
    run(page, "document.querySelector('#filters [type=reset]').click(); return 1")
    assert run(page, COUNT).startswith("20 of 20")
    assert_quiet(page)


def test_the_swipe_moves_where_the_earlier_picture_ends(page):
    where = "const pane = document.querySelector('.leaflet-picture1-pane'); return () => pane.style.clip"
    before = run(page, where)
    run(page, f"{SET}{TELL}", "#swipe", "0.2")
    after = run(page, where)
    right = [float(clip.removeprefix("rect(").split(",")[1].replace("px", "")) for clip in (before, after)]
    width = page.execute_script("return document.querySelector('#map').clientWidth")
    assert right[0] - right[1] == pytest.approx(0.3 * width, abs=2)
    assert_quiet(page)


def split(browser) -> float:
    """Where the earlier picture ends, as a share of the map's width."""
    clip = browser.execute_script("return document.querySelector('.leaflet-picture1-pane').style.clip")
    _, right, _, left = (float(side.strip("rectpx() ")) for side in clip.split(","))
    return (right - left) / browser.execute_script("return document.querySelector('#map').clientWidth")


def handle(browser) -> tuple[float, float, float]:
    """The middle of the swipe's handle and the width of the map, in pixels of the window."""
    x, y, width = browser.execute_script(
        "const s = document.querySelector('#swipe'); s.scrollIntoView({ block: 'center' });"
        "const box = document.querySelector('#map').getBoundingClientRect();"
        "return [box.left + box.width * s.value, (box.top + box.bottom) / 2, box.width]"
    )
    return x, y, width


CENTRE = "return document.querySelector('.leaflet-map-pane').style.transform"


def test_the_swipe_follows_the_mouse(page):
    x, y, width = handle(page)
    centre = page.execute_script(CENTRE)
    for kind, at in (("mousePressed", 0), ("mouseMoved", -0.1), ("mouseMoved", -0.25), ("mouseReleased", -0.25)):
        event = {"type": kind, "x": x + at * width, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        page.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    assert split(page) == pytest.approx(0.25, abs=0.03)
    assert page.execute_script(CENTRE) == centre  # the map itself stays
    x, y, width = handle(page)
    for kind, at in (("mousePressed", 0.3), ("mouseMoved", 0.4), ("mouseReleased", 0.4)):  # beside the handle
        event = {"type": kind, "x": x + at * width, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        page.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    WebDriverWait(page, 10).until(lambda _: page.execute_script(CENTRE) != centre)
    assert split(page) == pytest.approx(0.25, abs=0.03)
    assert_quiet(page)


def test_the_swipe_follows_a_finger(made, browser):
    l4s_geo.report(made.inventory, out=made.out, scene=made.scene, before=made.before)
    opened(browser, made.out, 390, 844)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 1})
    try:
        x, y, width = handle(browser)
        for kind, at in (("touchStart", 0), ("touchMove", 0.05), ("touchMove", 0.15), ("touchMove", 0.25)):
            event = {"type": kind, "touchPoints": [{"x": x + at * width, "y": y}]}
            browser.execute_cdp_cmd("Input.dispatchTouchEvent", event)
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        WebDriverWait(browser, 10).until(lambda _: abs(split(browser) - 0.75) < 0.04)
    finally:
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert_quiet(browser)


def test_the_swipe_follows_the_keyboard(page):
    page.execute_script("document.querySelector('#swipe').focus()")
    for _ in range(20):
        page.switch_to.active_element.send_keys("\ue012")  # the arrow to the left
    assert split(page) == pytest.approx(0.4, abs=0.01)
    page.switch_to.active_element.send_keys("\ue011")  # to the beginning
    assert split(page) == pytest.approx(0, abs=0.01)
    assert_quiet(page)


def test_everything_is_reached_with_the_tabulator(page):
    page.execute_script("document.activeElement.blur()")
    reached = []
    for _ in range(40):
        page.switch_to.active_element.send_keys("\ue004")
        it = page.switch_to.active_element
        reached.append(it.get_attribute("id") or it.get_attribute("name") or it.get_attribute("class") or it.tag_name)
    for name in ("language", "map", "previous", "next", "swipe", "kind", "filter-area", "filter-slope", "summary"):
        assert any(name in one for one in reached), name
    assert_quiet(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_their_ground(page, scheme):
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
    try:
        pairs = page.execute_script(
            "const style = getComputedStyle(document.documentElement), colour = (n) => {"
            "  const it = document.createElement('i'); it.style.color = style.getPropertyValue(n);"
            "  document.body.append(it); const rgb = getComputedStyle(it).color.match(/\\d+/g).map(Number);"
            "  it.remove(); return rgb; };"
            "return [['--ink', '--paper'], ['--soft', '--paper'], ['--ink', '--warn'], ['--accent', '--paper'],"
            "  ['--ink', '--ground']].map((names) => names.map(colour))"
        )
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    for pair in pairs:
        high, low = sorted(map(luminance, pair), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, pair  # WCAG 2, contrast of text
    assert (sum(pairs[0][1]) < 300) == (scheme == "dark")


def luminance(colour: list[int]) -> float:
    """The relative luminance of a colour, as WCAG 2 defines it."""
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_a_comparison_is_drawn_with_its_ground(browser, made, tmp_path):
    frame = landslides(12)[["geometry"]]
    folder = tmp_path / "<"
    folder.mkdir()
    for layer in ("a b", "other"):
        frame.to_file(tmp_path / "r.gpkg", layer=layer)
    name = "script><img src=x onerror=\"document.title='broken'\">{{ 7 * 7 }} javascript:alert(1)&lt.gpkg"
    reference = (tmp_path / "r.gpkg").rename(folder / name)
    around = frame.assign(geometry=frame.union_all().envelope.buffer(300)).iloc[:1]
    around.to_file(tmp_path / "area.gpkg")
    frame.iloc[:1].to_file(tmp_path / "doubt.gpkg")
    found = l4s_geo.evaluate(
        made.inventory, f"{reference}|layername=a b", tmp_path / "area.gpkg", tmp_path / "doubt.gpkg"
    )
    l4s_geo.report(made.inventory, out=made.out, evaluation=found)
    opened(browser, made.out)
    count = run(browser, COUNT)
    drawn = "return document.querySelector('#map canvas').toDataURL().length"
    before = run(browser, drawn)
    run(browser, "document.querySelector('#filters input[name=looked]').click(); return 1")
    assert run(browser, drawn) != before
    assert run(browser, COUNT) == count
    text = browser.execute_script("return document.body.innerText")
    assert f"{reference}|layername=a b" in text
    assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0
    assert browser.title != "broken"
    assert_quiet(browser)


@pytest.mark.parametrize("count", [0, 1])
def test_few_landslides(browser, made, count):
    plain = landslides(max(count, 1)).iloc[:count][["geometry"]]
    made.inventory.unlink()
    plain.to_file(made.inventory, layer="landslides")
    for scene in (None, made.scene):
        l4s_geo.report(made.inventory, out=made.out, scene=scene)
        opened(browser, made.out)
        assert run(browser, COUNT).startswith(f"{count} of {count}")
        run(browser, "document.querySelector('#next').click(); return 1")
        assert_quiet(browser)


def test_landslides_are_found_by_button_click_and_key(page):
    popup = "return () => (document.querySelector('.leaflet-popup-content') || {}).innerText || ''"
    largest = landslides(20).sort_values("area_m2").iloc[-1]
    run(page, "document.querySelector('#next').click(); return 1")
    assert f"No. {largest['id']}" in run(page, popup)
    assert f"{largest['area_m2']:,.0f} m²" in run(page, popup)
    run(page, "document.querySelector('[data-show=\"1\"]').click(); return 1")
    assert f"No. {landslides(20).sort_values('area_m2').iloc[-2]['id']}" in run(page, popup)
    assert page.execute_script("return document.activeElement.id") == "map"
    moved = "return () => document.querySelector('.leaflet-map-pane').style.transform"
    before = run(page, moved)
    page.switch_to.active_element.send_keys("\ue014")  # the arrow to the right
    WebDriverWait(page, 10).until(lambda _: run(page, moved) != before)
    assert_quiet(page)


def test_the_language_changes(page):
    run(page, "document.querySelector('#language').click(); return 1")
    text = page.execute_script("return document.body.innerText")
    assert "Kennzahlen" in text
    assert "Key figures" not in text
    assert run(page, COUNT).startswith("20 von 20 Rutschungen")
    assert_quiet(page)


def test_a_phone_needs_no_scrolling_sideways(made, browser):
    l4s_geo.report(made.inventory, out=made.out, scene=made.scene, before=made.before)
    opened(browser, made.out, 390, 844)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    assert_quiet(browser)


def test_print_holds_the_map(page):
    paper = page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert base64.b64decode(paper["data"]).startswith(b"%PDF")
    drawn = page.execute_script(
        "const c = document.querySelector('#print-map'); window.dispatchEvent(new Event('beforeprint'));"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; return [c.width, d.some(v => v > 0)]"
    )
    assert drawn == [1000, True]
    assert_quiet(page)


def test_names_that_contain_html_do_nothing(browser, tmp_path):
    scene = write_scene(tmp_path / "scene.tif")
    facts = facts_of(scene, scene=HOSTILE, acquired=HOSTILE, **{HOSTILE: HOSTILE})
    save(landslides(4, confidence=HOSTILE), tmp_path / "i.gpkg", facts)
    l4s_geo.report(tmp_path / "i.gpkg", out=tmp_path / "report.html")
    opened(browser, tmp_path / "report.html")
    run(browser, "document.querySelector('#next').click(); return 1")
    assert browser.title.startswith("</script>")
    assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0
    assert_quiet(browser)


def test_without_imagery(browser, made):
    made.scene.unlink()
    l4s_geo.report(made.inventory, out=made.out)
    opened(browser, made.out)
    assert run(browser, COUNT).startswith("20 of 20")
    assert_quiet(browser)
