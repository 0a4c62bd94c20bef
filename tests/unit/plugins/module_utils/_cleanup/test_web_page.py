# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the page of a fleet holds; tests/integration/test_page.py opens it in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import read_parts
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    failed_summary,
    fleet_report,
    host_summary,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.web_page import (
    Parts,
    web_page,
    without_stages,
)

HOSTILE = "</script><!--<script>&\u2028\udc80é"
PARTS = Parts("p { color: red }", "console.log(1)")


def image(number, **values):
    return {"id": f"sha256:{number:064x}", "references": [f"app:{number}"], "action": "kept", "size": number, **values}


def host(*images, stage="policy", **more):
    result = {"changed": False, "untagged": [], "deleted": [], "images": list(images), **more}
    return host_summary([{"docker_host": "unix:///one.sock", "stages": {stage: result}}], True)


def page(parts=PARTS, **hosts):
    return web_page(fleet_report(hosts, "2026-11-28T12:00:00Z", "audit", True), parts)


def overview(text):
    return json.loads(re.search(r'id="report">(.*?)</script>', text)[1])


def details(text):
    packed = re.search(r'id="details">(.*?)</script>', text, re.DOTALL)[1].split("\n")
    return [json.loads(zlib.decompress(base64.b64decode(line))) for line in packed]


def test_the_overview_is_the_report_without_what_stages_did() -> None:
    found = overview(page(one=host(image(1)), two=failed_summary("no Engine", True)))
    assert found["total"]["hosts"] == 2
    assert [one["host"] for one in found["hosts"]] == ["one", "two"]
    assert found["hosts"][0]["engines"][0]["docker_host"] == "unix:///one.sock"
    assert "stages" not in found["hosts"][0]["engines"][0]


def test_what_stages_did_is_packed_by_host_with_short_ids() -> None:
    container = {"id": "f" * 64, "name": "web", "image_id": f"sha256:{'a' * 64}", "action": "removed"}
    removed = host(stage="containers", containers=[container], summary="1 container removed")
    one, two, three = details(page(one=host(image(1)), two=failed_summary("no Engine", True), three=removed))
    assert one == [{"policy": {"images": [image(1, id="000000000000")]}}]
    assert two == []
    assert three == [
        {
            "containers": {
                "summary": "1 container removed",
                "containers": [{**container, "id": "f" * 12, "image_id": "a" * 12}],
            }
        }
    ]


def test_rules_are_counted_over_all_hosts_the_largest_first() -> None:
    newest, dangling = {"rule": "keep.newest: 3"}, {"rule": "dangling", "action": "deleted"}
    record = {"id": "r1", "size": None, "action": "kept", "rule": ["keep", "types"]}
    cache = host(stage="build_cache", records=[record])
    found = overview(
        page(one=host(image(1, **newest), image(2, **dangling)), two=host(image(5, **newest), image(3)), three=cache)
    )
    rows = [
        (row["stage"], row["kind"], row["action"], row["rule"], row["count"], row["size"]) for row in found["rules"]
    ]
    assert rows == [
        ("policy", "image", "kept", "keep.newest: 3", 2, 6),
        ("policy", "image", "kept", "", 1, 3),
        ("policy", "image", "deleted", "dangling", 1, 2),
        ("build_cache", "cache record", "kept", "keep, types", 1, 0),
    ]


def test_images_of_several_hosts_are_listed_the_most_frequent_first() -> None:
    many = {f"h{number}": host(image(1), image(1), image(2) if number else image(3)) for number in range(3)}
    many["last"] = host(image(1, action="deleted"))
    found = overview(page(**many))["shared"]
    assert [(one["references"], one["hosts"], one["deleted"]) for one in found] == [
        (["app:1"], 4, 1),
        (["app:2"], 2, 0),
    ]


def test_what_a_list_keeps_is_shown_with_how_many_hosts_keep_it() -> None:
    kept = {"target": "app:1", "reason": "used on db-1"}
    found = page(one=host(kept_by_list=[kept]), two=host(kept_by_list=[kept]))
    assert overview(found)["kept_by_list"] == [{**kept, "hosts": 2}]
    assert details(found)[0] == [{"policy": {"kept_by_list": [kept]}}]


def test_the_report_before_cannot_leave_its_element() -> None:
    report = fleet_report({HOSTILE: host(image(1))}, "2026-11-28T12:00:00Z", "audit", True)
    text = web_page(report, PARTS, without_stages(report))
    assert text.count("</script") == 4
    previous = json.loads(re.search(r'id="previous">(.*?)</script>', text)[1])
    assert previous["hosts"][0]["host"] == HOSTILE
    assert "stages" not in previous["hosts"][0]["engines"][0]


def test_hostile_names_cannot_leave_their_element() -> None:
    text = page(**{HOSTILE: host(image(1, references=[HOSTILE], rule=HOSTILE, reason=HOSTILE))})
    assert text.isascii()
    assert text.count("<script") == text.count("</script") == 4
    assert "<!--" not in text
    found = overview(text)
    assert found["hosts"][0]["host"] == found["rules"][0]["rule"] == HOSTILE
    assert details(text)[0][0]["policy"]["images"][0]["reason"] == HOSTILE


def test_a_message_that_the_page_itself_writes_is_escaped() -> None:
    report = fleet_report({}, "<2026>", "audit", True)
    report["total"]["summary"] = HOSTILE
    head = web_page(report, PARTS).partition("</header>")[0]
    assert "&lt;2026&gt;" in head
    assert "<p>&lt;/script&gt;&lt;!--&lt;script&gt;&amp;&#8232;" in head


POLICIES = [
    pytest.param("script", PARTS.script, id="the script"),
    pytest.param("style", PARTS.style, id="the style"),
]


@pytest.mark.parametrize(("kind", "content"), POLICIES)
def test_only_the_page_s_own_lines_may_run(kind, content) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page(one=None))[1].split("; ")
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy[0] == "default-src 'none'"


def test_the_parts_that_come_with_the_collection_fit_their_elements() -> None:
    parts = read_parts()
    assert parts.script.startswith("/*\nCopyright 2010-2026 Mike Bostock\n")
    assert "</script" not in parts.script
    assert "<!--" not in parts.script
    assert "</style" not in parts.style
    assert ".html(" not in parts.script.rpartition("// SPDX-License-Identifier")[2]
    assert "innerHTML" not in parts.script.rpartition("// SPDX-License-Identifier")[2]
