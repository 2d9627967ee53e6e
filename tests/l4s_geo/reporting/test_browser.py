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
