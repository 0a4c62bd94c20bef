# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.elsewhere import (
    Union,
    Use,
    in_words,
    together,
    unknown_hosts,
    with_kept,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import UsageRecord
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import Moments, usage_report

from .._policy.test_plan import hosts, policies, removals
from ..builders import STORES, snapshot

APP = {
    "id": f"sha256:{'a1' * 32}",
    "references": ["app:1", f"app@sha256:{'d1' * 32}", "<none>:<none>"],
    "digests": [f"app@sha256:{'d1' * 32}", f"r.io/app@sha256:{'d2' * 32}"],
}
APP_NAMES = ["a1" * 8, "app:1", "d1" * 8, "d2" * 8]
DB = {"id": f"sha256:{'b1' * 32}", "references": ["db:2"], "digests": []}
DB_NAMES = ["b1" * 8, "db:2"]
SERVICE = {"name": "shop", "image": f"app:1@sha256:{'d1' * 32}", "previous_image": "app:0"}
NEVER_UPDATED = {"name": "cron", "image": "db:2", "previous_image": None}


def use(host, *images, engine=0, services=None):
    usage = {"images": list(images)}
    return Use.of(host, engine, usage if services is None else {**usage, "services": services})


def kept(uses, own, engine=0, hosts=None):
    union = Union.load(Union.of(uses).dump())
    return [(entry["image"], entry["reason"]) for entry in union.kept_for(hosts or uses, own, engine)]


KEPT = [
    # situation, what each host uses, for which host and Engine, what is kept
    ("another host", {"web-1": use("web-1", APP)}, ("web-2", 0), [(APP_NAMES, "used on web-1")]),
    ("the host itself", {"web-1": use("web-1", APP)}, ("web-1", 0), []),
    (
        "another Engine of the host",
        {"web-1": together([use("web-1", DB), use("web-1", APP, engine=1)])},
        ("web-1", 0),
        [(APP_NAMES, "used on another Engine of this host")],
    ),
    (
        "several hosts",
        {host: use(host, APP) for host in ("a", "b", "c", "d", "e")},
        ("e", 0),
        [(APP_NAMES, "used on a, b, c and 1 more host")],
    ),
    (
        "images of different hosts",
        {"a": use("a", APP), "b": use("b", DB, APP)},
        ("c", 0),
        [(APP_NAMES, "used on a, b"), (DB_NAMES, "used on b")],
    ),
    (
        "a service, for the manager too",
        {"m": use("m", services=[SERVICE, NEVER_UPDATED])},
        ("m", 0),
        [
            (["db:2"], "needed by the service cron"),
            (["app:1", "d1" * 8], "needed by the service shop"),
            (["app:0"], "needed by the service shop (rollback)"),
        ],
    ),
    (
        "a service and a container",
        {"m": use("m", services=[NEVER_UPDATED]), "w": use("w", {**DB, "id": ""})},
        ("x", 0),
        [(["db:2"], "used on w and needed by the service cron")],
    ),
    ("nothing is used", {"web-1": use("web-1")}, ("web-2", 0), []),
]


@pytest.mark.parametrize(("uses", "own", "expected"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_what_is_kept(uses, own, expected):
    assert kept({host: Use.load(found.dump()) for host, found in uses.items()}, *own) == expected


def test_only_what_is_used_on_hosts_of_the_pattern_is_kept():
    assert kept({"a": use("a", APP), "b": use("b", DB)}, "c", hosts=["b"]) == [(DB_NAMES, "used on b")]


def test_a_host_of_which_one_engine_is_not_known_is_not_known():
    found = together([use("a", APP), Use(unknown="no Engine"), Use(unknown="refused", is_unreachable=True)])
    assert found == Use((), "no Engine; refused", True)


UNKNOWN = [
    # situation, is there a limit, hosts, what is said
    ("all are known", False, ["a"], {}),
    ("one could not be reached", False, ["a", "b"], {"b": "refused"}),
    ("one was not read", False, ["c", "a"], {"c": "it was not read"}),
    ("one is outside of the limit", True, ["c"], {"c": "--limit leaves it out, or it was lost"}),
]


@pytest.mark.parametrize(("is_limited", "hosts", "expected"), [row[1:] for row in UNKNOWN], ids=[r[0] for r in UNKNOWN])
def test_hosts_that_are_not_known(is_limited, hosts, expected):
    union = Union.load(Union.of({"a": use("a", APP), "b": Use(unknown="refused", is_unreachable=True)}).dump())
    assert unknown_hosts(union, hosts, is_limited) == expected


def test_unknown_hosts_in_words():
    assert in_words({"b": "refused"}) == "what is used on b (refused) is not known"
    many = dict.fromkeys("abcde", "lost")
    assert in_words(many) == "what is used on a (lost), b (lost), c (lost) and 2 more hosts is not known"


def test_of_a_host_that_two_plays_read_the_later_one_counts():
    first = Union.of({"a": use("a", APP, DB), "b": Use(unknown="lost"), "c": use("c", APP)})
    joined = first.joined(Union.of({"a": use("a", DB), "b": use("b")}))
    assert joined.hosts == {"a", "b", "c"}
    assert joined.unknown == {}
    assert [(entry["image"], entry["reason"]) for entry in joined.kept_for("abc", "x", 0)] == [
        (APP_NAMES, "used on c"),
        (DB_NAMES, "used on a"),
    ]


POLICIES = [
    # situation, the policy, what it keeps then
    ("nothing was kept", {"remove": {}}, {"images": [{"image": "x"}]}),
    ("keep is empty", {"keep": None}, {"images": [{"image": "x"}]}),
    ("other rules", {"keep": {"newest": 3}}, {"newest": 3, "images": [{"image": "x"}]}),
    ("a list", {"keep": {"images": [{"image": "y"}]}}, {"images": [{"image": "y"}, {"image": "x"}]}),
]


@pytest.mark.parametrize(("policy", "expected"), [row[1:] for row in POLICIES], ids=[row[0] for row in POLICIES])
def test_a_policy_keeps_it_besides(policy, expected):
    assert with_kept(policy, [{"image": "x"}]) == {**policy, "keep": expected}


def test_a_fleet_is_brought_together_in_linear_time():
    hosts = {f"h{n}": use(f"h{n}", *(_image(n, number) for number in range(60))) for n in range(100)}
    started = time.process_time()
    text = Union.of(hosts).dump()
    entries = Union.load(text).kept_for(hosts, "h0", 0)
    assert time.process_time() - started < 5
    # Half of the images are those of all hosts.
    assert len(entries) == 1 + 99
    assert len(json.dumps(entries)) < 300_000


def _image(host, number):
    digits = f"{number:032x}" if number % 2 else f"{host + 1:016x}{number:016x}"
    return {
        "id": f"sha256:{digits * 2}",
        "references": [f"registry.example.com/app{number}:{digits[:16]}"],
        "digests": [],
    }


FLEET = st.lists(st.tuples(hosts(), st.sampled_from(STORES)), min_size=2, max_size=4)


@settings(max_examples=60)
@given(FLEET, policies(), st.data())
def test_law_another_host_in_the_pattern_never_adds_a_removal(fleet, params, data):
    engines = {f"h{number}": snapshot(*parts, store=store) for number, (parts, store) in enumerate(fleet)}
    usage = {
        name: usage_report(host, None, Moments(), None, UsageRecord(), 0, in_use=True) for name, host in engines.items()
    }
    union = Union.load(Union.of({name: Use.of(name, 0, found) for name, found in usage.items()}).dump())
    fewer = data.draw(st.lists(st.sampled_from(sorted(engines)), unique=True, max_size=len(engines) - 1))
    more = [*fewer, data.draw(st.sampled_from(sorted(engines.keys() - set(fewer))))]

    def removed(name, pattern):
        return removals(engines[name], with_kept(params, union.kept_for(pattern, name, 0)))

    for name, host in engines.items():
        assert removed(name, more) <= removed(name, fewer) <= removals(host, params)
        for other in set(more) - {name}:
            assert not removed(name, more) & used_by_name(usage[other])


def used_by_name(usage):
    """References and IDs of what a host uses."""
    return {name for found in usage["images"] for name in (found["id"], *found["references"])}
