# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of a fleet in a browser: its figures, its silence, hostile names, the keyboard, accessibility and its size."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import ReportDirectory, read_parts
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    UNREACHABLE,
    failed_summary,
    fleet_report,
    host_summary,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.web_page import web_page
from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import human_size
from tests.integration.browser import Browser
from tests.lab.errors import LabError

#: A wheel that holds axe-core, and nothing else that is used.
AXE = "axe-playwright-python==0.1.8"
HOSTILE = 'x"><script>alert(1)</script><img src=x onerror=alert(1)><!--</script>'
#: Where the pictures go, for a person to look at.
PICTURES = os.environ.get("IMAGEWARDEN_PICTURES")


@dataclasses.dataclass(frozen=True)
class Written:
    """A report as both of its files hold it."""

    report: dict[str, t.Any]
    page: Path


def totals(images: int, reclaimable: int, cache: int) -> dict[str, t.Any]:
    return {
        "images": {"count": 3, "active": 1, "size": images, "reclaimable": reclaimable},
        "containers": {"count": 2, "active": 1, "size": 1_234_567, "reclaimable": 999},
        "volumes": None,
        "build_cache": {"count": 4, "active": 0, "size": cache, "reclaimable": cache // 2},
    }


def image(number: int, **values: t.Any) -> dict[str, t.Any]:
    return {
        "id": f"sha256:{number:012x}{0:052}",
        "references": [f"registry.example.com/team/app_{number}:1"],
        "action": "kept",
        "reason": "it is among the 3 newest of its repository",
        "rule": "keep.newest: 3",
        "size": 10_000_000 + number,
        "created": "2026-05-01T08:00:00Z",
        "containers": [],
        **values,
    }


def chain(number: int, images: list[dict[str, t.Any]], name: str = "web") -> dict[str, t.Any]:
    deleted = [one for one in images if one["action"] == "deleted"]
    space = sum(one["size"] for one in deleted)
    used = {"name": name, "id": "0123456789ab", "image": "app:1", "image_id": "sha256:" + "b" * 64, "state": "exited"}
    record = {"type": "regular", "description": f"RUN {name}", "size": 777_000, "usage_count": 3, "action": "kept"}
    dates = {"created": "2026-05-01T08:00:00Z", "last_used": "2026-11-01T08:00:00Z"}
    file_system = {"path": "/var/lib/docker", "total": 10**11, "used": 10**10, "percent": 31.4 + number}
    return {
        "docker_host": "unix:///var/run/docker.sock",
        "engine": {
            "version": "28.5.1",
            "api_version": "1.51",
            "store": "containerd" if number % 2 else "graphdriver",
            "driver": "overlayfs" if number % 2 else "overlay2",
            "host": name,
        },
        "notices": [f"a notice of {name}"],
        "before": {
            "totals": totals(3_000_000_000 + number * 1_000_000_000, 2_000_000_000, number * 500_000_000),
            "file_system": file_system,
            "images": len(images),
            "containers": 2,
        },
        "stages": {
            "containers": {
                "changed": True,
                "removed": [name],
                "containers": [
                    {**used, "size": 1000, "action": "removed", "reason": f"{name} ended", "rule": ["states"]}
                ],
                "space_reclaimed": None,
                "space_exact": True,
            },
            "policy": {
                "changed": bool(deleted),
                "untagged": [],
                "deleted": [one["id"] for one in deleted],
                "images": images,
                "conflicts": [{"target": name, "reason": name, "remedy": name, "container": None, "forceable": False}],
                "space_reclaimed": space,
                "space_exact": bool(number % 2),
                "space_expected": space,
            },
            "build_cache": {
                "changed": False,
                "deleted": [],
                "records": [{"id": "r1", **record, **dates, "reason": name, "rule": "keep"}],
                "space_reclaimed": 0,
                "space_exact": True,
            },
        },
    }


def fleet(mode: str = "audit", more: int = 0) -> dict[str, t.Any]:
    """Hosts with names in the way of HTML, one of each status."""
    shared = image(1, references=[HOSTILE], reason=HOSTILE, rule=HOSTILE)
    names = ["web-1", "web-2", "web-10", HOSTILE, *(f"ci-{number}" for number in range(6))]
    summaries: dict[str, t.Any] = {}
    for number, name in enumerate(names):
        own = image(100 + number, action="deleted", rule="dangling", reason="dangling selects it", references=[])
        user = {"name": HOSTILE, "id": "0123456789ab", "state": "running"}
        kept = image(200 + number, containers=[user], last_used="2026-11-20T08:00:00Z")
        images = [shared, own, kept, *(image(1000 * number + extra, created=None) for extra in range(more))]
        summaries[name] = host_summary([chain(number, images, name)], mode == "audit")
    summaries["down"] = failed_summary(f"connection refused {HOSTILE}", mode == "audit", UNREACHABLE)
    summaries["broken"] = failed_summary(f"there is no Engine {HOSTILE}", mode == "audit")
    summaries["later"] = None
    return fleet_report(summaries, "2026-11-28T12:00:00Z", mode, mode == "audit")


@pytest.fixture(name="browser", scope="module")
def fixture_browser():
    try:
        with Browser.started() as browser:
            yield browser
    except LabError as error:
        pytest.skip(f"there is no Chromium: {error}")


@pytest.fixture(name="written", scope="module")
def fixture_written(tmp_path_factory) -> Written:
    return write(tmp_path_factory.mktemp("report"), fleet())


def write(path: Path, report: dict[str, t.Any]) -> Written:
    ReportDirectory.create(str(path)).write_fleet(report)
    return Written(json.loads((path / "report.json").read_text()), path / "report.html")


@pytest.fixture(name="page")
def fixture_page(browser, written) -> Browser:
    browser.look_as()
    browser.open(written.page)
    return browser


@pytest.fixture(name="axe", scope="module")
def fixture_axe(tmp_path_factory) -> str:
    directory = tmp_path_factory.mktemp("axe")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(directory), AXE]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"axe-core cannot be downloaded: {found.stderr.strip()[-300:]}")
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        return content.read("axe_playwright_python/axe.min.js").decode()


def rows(page: Browser, title: str) -> list[dict[str, str]]:
    """The table of that title as a person reads it: the cells of each row by their columns."""
    script = """(() => {
        const table = Array.from(document.querySelectorAll('table')).find((one) => one.caption.textContent === TITLE);
        const titles = Array.from(table.tHead.rows[0].cells, (cell) => cell.textContent);
        const lines = Array.from(table.tBodies[0].rows).filter((line) => line.className !== 'below');
        return lines.map((line) => titles.map((title, column) => [title, line.cells[column].textContent]));
    })()"""
    return [dict(row) for row in page.run(script.replace("TITLE", json.dumps(title)))]


def cards(page: Browser) -> dict[str, str]:
    script = "Array.from(document.querySelectorAll('.card'), (card) => [card.children[0], card.children[1]].map((e) => e.textContent))"
    return dict(page.run(script))


def open_host(page: Browser, name: str) -> None:
    found = "Array.from(document.querySelectorAll('.open')).find((button) => button.textContent === NAME)"
    page.run(found.replace("NAME", json.dumps(name)) + ".click()")
    page.wait(f"document.querySelectorAll('.host h3').length > 0 && {json.dumps(name)} !== ''")


def focused(page: Browser) -> str:
    return str(page.run("document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent"))


def tab_to(page: Browser, text: str) -> None:
    """Press the tabulator key until that has the focus."""
    for _attempt in range(200):
        page.press("Tab")
        if focused(page) == text:
            return
    raise AssertionError(f"no key leads to {text}")


def sum_of(report: dict[str, t.Any], what: str, key: str) -> int:
    engines = [engine for host in report["hosts"] for engine in host["engines"]]
    return sum(engine["before"]["totals"][what][key] for engine in engines)


def test_the_figures_of_the_fleet_are_those_of_the_report(page, written) -> None:
    total = written.report["total"]
    shown = cards(page)
    assert shown["Hosts"] == str(total["hosts"])
    assert shown["Images"] == human_size(sum_of(written.report, "images", "size"))
    assert shown["Containers"] == human_size(sum_of(written.report, "containers", "size"))
    assert shown["Build cache"] == human_size(sum_of(written.report, "build_cache", "size"))
    assert shown["This would free"] == f"at least {human_size(total['space_reclaimed'])}"
    assert shown["Failed hosts"] == str(total["failed"] + total["unreachable"])
    assert page.run("document.querySelector('header').textContent").count(total["summary"]) == 1
    rules = rows(page, "By rule")
    assert sum(int(row["Number"]) for row in rules if row["Verdict"] == "deleted") == total["images_deleted"]
    assert sum(int(row["Number"]) for row in rules if row["Verdict"] == "removed") == total["containers_removed"]


def test_the_figures_of_a_host_are_those_of_the_report(page, written) -> None:
    shown = {row["Host"]: row for row in rows(page, "Hosts")}
    assert list(shown) == [host["host"] for host in written.report["hosts"]]
    for host in written.report["hosts"]:
        row = shown[host["host"]]
        measured = [engine["before"] for engine in host["engines"]]
        used = sum(
            found["totals"][what]["size"] for found in measured for what in ("images", "containers", "build_cache")
        )
        assert row["Status"] == host["status"].replace("_", " ")
        assert row["Used"] == (human_size(used) if measured else "-")
        assert row["Images"] == (str(measured[0]["images"]) if measured else "-")
        assert row["Disk"] == (f"{measured[0]['file_system']['percent']:g} %" if measured else "-")
        assert row["Would free"].endswith(human_size(host["space_expected"]))
        assert row["Summary"] == (host["message"] or host["summary"])


def test_behind_a_host_is_what_its_stages_say(page, written) -> None:
    host = written.report["hosts"][0]
    open_host(page, "web-1")
    stages = host["engines"][0]["stages"]
    by_size = sorted(stages["policy"]["images"], key=lambda one: -one["size"])
    shown = rows(page, "Images of web-1")
    assert [row["ID"] for row in shown] == [one["id"][7:19] for one in by_size]
    for row, one in zip(shown, by_size, strict=True):
        assert row["Image"] == (", ".join(one["references"]) or f"untagged {one['id'][7:19]}")
        assert (row["Verdict"], row["Reason"], row["Rule"]) == (one["action"], one["reason"], one["rule"])
        assert row["Size"] == human_size(one["size"])
        assert row["Created"] == "2026-05-01 (211 d)"
        assert row["Last used"] == ("2026-11-20 (8 d)" if "last_used" in one else "-")
        users = ", ".join(f"{user['name']} ({user['state']})" for user in one["containers"] or ())
        assert row["Containers"] == (users or "-")
    (container,) = rows(page, "Containers of web-1")
    assert (container["Container"], container["Verdict"], container["Rule"]) == ("web-1", "removed", "states")
    (record,) = rows(page, "Build cache of web-1")
    assert (record["Record"], record["Uses"], record["Size"]) == ("RUN web-1", "3", "777 kB")


def test_a_page_asks_for_nothing_and_says_nothing_and_hostile_names_stay_text(page, written) -> None:
    open_host(page, HOSTILE)
    assert page.requests() == [written.page.as_uri()]
    assert page.messages() == []
    assert page.run("document.querySelectorAll('img, iframe, object, link[rel=stylesheet]').length") == 0
    assert page.run("document.scripts.length") == 4
    assert rows(page, f"Images of {HOSTILE}")[0]["Containers"] == f"{HOSTILE} (running)"
    assert any(row["Image"] == HOSTILE for row in rows(page, "Images on many hosts"))


def test_a_script_of_somebody_else_does_not_run(browser, tmp_path, written) -> None:
    other = tmp_path / "other.html"
    other.write_text(written.page.read_text().replace("<main", "<script>window.theirs = 1</script><main"))
    browser.open(other)
    assert browser.run("window.theirs === undefined && document.querySelectorAll('table').length > 0")


def test_the_keyboard_alone_searches_sorts_and_opens(page) -> None:
    tab_to(page, "Search hosts")
    page.write("WEB-1")
    assert [row["Host"] for row in rows(page, "Hosts")] == ["web-1", "web-10"]
    tab_to(page, "Used")
    page.press("Enter")
    assert [row["Host"] for row in rows(page, "Hosts")] == ["web-10", "web-1"]
    page.press(" ")
    assert [row["Host"] for row in rows(page, "Hosts")] == ["web-1", "web-10"]
    tab_to(page, "web-10")
    page.press("Enter")
    page.wait("document.querySelector('.host table') !== null")
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    tab_to(page, "Created")
    page.press("Enter")
    page.run("document.activeElement.closest('.below').previousSibling.querySelector('.open').focus()")
    page.press("Enter")
    assert page.run("document.querySelector('.host')") is None


def test_the_run_before_is_beside_this_one_without_being_asked_for(browser, tmp_path) -> None:
    then, now = fleet(), fleet("cleanup")
    then["hosts"][0]["engines"][0]["before"]["totals"]["images"]["size"] += 2_000_000_000
    directory = ReportDirectory.create(str(tmp_path))
    directory.write_fleet({**then, "generated": "2026-11-27T12:00:00Z"})
    directory.forget_the_fleet()
    directory.write_fleet(now)
    browser.look_as()
    browser.open(tmp_path / "report.html")
    assert "Compared with the audit of 2026-11-27T12:00:00Z" in browser.run("document.body.textContent")
    assert [(row["Host"], row["Used more"]) for row in rows(browser, "Hosts that differ")] == [
        ("web-1", "\N{MINUS SIGN}2 GB")
    ]
    assert rows(browser, "The fleet then and now")[0]["Difference"] == "-"
    assert browser.messages() == []


def test_what_is_kept_for_other_hosts_and_since_when_uses_are_known_is_shown(browser, tmp_path) -> None:
    report = fleet()
    for host in report["hosts"][:2]:
        host["engines"][0]["stages"]["policy"]["kept_by_list"] = [{"target": HOSTILE, "reason": f"used on {HOSTILE}"}]
        host["engines"][0]["stages"]["policy"]["usage_known_since"] = "2026-11-18T12:00:00Z"
        host["keep_used_on"] = {"hosts": 3, "unknown": [{"host": HOSTILE, "reason": "refused"}]}
    browser.look_as()
    browser.open(write(tmp_path, report).page)
    assert rows(browser, "Kept by a list") == [{"Kept": HOSTILE, "Reason": f"used on {HOSTILE}", "Hosts": "2"}]
    open_host(browser, "web-1")
    assert rows(browser, "Kept by keep.images of web-1") == [{"Kept": HOSTILE, "Reason": f"used on {HOSTILE}"}]
    text = browser.run("document.querySelector('.host').textContent")
    assert (
        f"what 3 hosts of image_cleanup_keep_used_on use. It is not known what is used on {HOSTILE} (refused)." in text
    )
    assert "Every use of an image is known since 2026-11-18 (10 d)." in text
    assert browser.messages() == []


def test_another_report_beside_this_one(page, tmp_path) -> None:
    then = fleet()
    removed, changed = then["hosts"].pop(0), then["hosts"][0]
    changed["engines"][0]["before"]["totals"]["images"]["size"] -= 1_500_000_000
    changed["status"] = "ok"
    earlier = write(tmp_path, {**then, "generated": "2026-11-27T12:00:00Z"}).page.with_name("report.json")
    choose(page, earlier)
    page.wait("document.body.textContent.includes('Hosts that differ (2)')")
    shown = {row["Host"]: row for row in rows(page, "Hosts that differ")}
    assert shown[removed["host"]]["Status then"] == "not there"
    assert shown[changed["host"]]["Used more"] == "+1.5 GB"
    assert (shown[changed["host"]]["Status then"], shown[changed["host"]]["Status now"]) == ("ok", "changed")
    figures = {row["Figure"]: row for row in rows(page, "The fleet then and now")}
    assert figures["Hosts"]["Difference"] == "+1"
    choose(page, Path(__file__))
    page.wait("document.body.textContent.includes('test_page.py cannot be compared')")
    assert page.messages() == []


def choose(page: Browser, path: Path) -> None:
    document = page.send("DOM.getDocument")["root"]["nodeId"]
    field = page.send("DOM.querySelector", nodeId=document, selector="input[type=file]")["nodeId"]
    page.send("DOM.setFileInputFiles", nodeId=field, files=[str(path)])


LOOKS = [
    pytest.param({}, id="light"),
    pytest.param({"dark": True}, id="dark"),
    pytest.param({"width": 390, "height": 844}, id="on a phone"),
]


@pytest.mark.parametrize("look", LOOKS)
def test_a_page_is_accessible(page, look, axe, request) -> None:
    page.look_as(**look)
    open_host(page, "web-1")
    page.run(axe)
    found = page.run("axe.run().then((result) => result.violations.map((one) => [one.id, one.nodes[0].html]))")
    assert found == []
    width = page.run("document.documentElement.scrollWidth")
    assert width <= look.get("width", 1280), "the page scrolls sideways"
    if PICTURES:
        page.picture(Path(PICTURES) / f"{request.node.callspec.id}.png")


def test_a_page_on_paper_has_no_controls(page, tmp_path) -> None:
    page.look_as(printed=True, dark=True, width=800)
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.querySelector('input')).display") == "none"
    page.paper(Path(PICTURES or tmp_path) / "paper.pdf")


def test_two_thousand_hosts_of_two_hundred_images(browser, tmp_path) -> None:
    """The largest fleet that the page is made for: what a host lists is read when it is opened."""
    small = fleet(more=197)
    several = [host for host in small["hosts"] if host["engines"]]
    hosts = [{**several[number % len(several)], "host": f"host-{number:04}"} for number in range(2000)]
    large = tmp_path / "large.html"
    large.write_text(web_page({**small, "hosts": hosts}, read_parts()), encoding="utf-8")
    assert large.stat().st_size < 40_000_000
    browser.look_as()
    painted = []
    for _attempt in range(3):
        browser.open(large)
        painted.append(browser.run("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 1e9"))
    assert min(painted) < 3000
    assert len(rows(browser, "Hosts")) == 50
    browser.run("document.querySelector('#hosts input').focus()")
    browser.write("host-1999")
    assert [row["Host"] for row in rows(browser, "Hosts")] == ["host-1999"]
    open_host(browser, "host-1999")
    assert browser.run("document.querySelector('.host').textContent.includes('50 of 200 images shown')")
    assert browser.messages() == []
