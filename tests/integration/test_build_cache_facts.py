# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Engines do with their build cache, fact by fact, where build_cache_prune relies on it."""

from __future__ import annotations

import threading
import typing as t

import pytest

from tests.integration import build_cache
from tests.lab import state
from tests.lab.errors import LabError

if t.TYPE_CHECKING:
    from docker import APIClient

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.lab.fixtures"]

#: Long enough for a look at what a build uses.
SLOW = 'RUN ["/bin/busybox", "sleep", "4"]\n'


@pytest.fixture(name="client")
def fixture_client(fresh_engine):
    return fresh_engine.client


def leaf_and_parent(records):
    """A record with a parent, and that parent."""
    return next((key, build_cache.parents(found)[0]) for key, found in records.items() if build_cache.parents(found))


def of_type(records, kind):
    return {key for key, found in records.items() if found["Type"] == kind}


def test_the_filter_for_ids_is_a_regular_expression_that_is_searched(client: APIClient) -> None:
    build_cache.build(client)
    [mount] = of_type(build_cache.listed(client), "exec.cachemount")
    assert build_cache.prune(client, id=f"^{mount[:10]}$")["deleted"] == set()
    assert build_cache.prune(client, id=f"^{mount[1:]}")["deleted"] == set()
    assert build_cache.prune(client, id=mount[3:20])["deleted"] == {mount}


def test_alternatives_in_it_remove_just_those(client: APIClient) -> None:
    build_cache.build(client)
    records = build_cache.listed(client)
    leaves = set(records) - {parent for found in records.values() for parent in build_cache.parents(found)}
    chosen = sorted(leaves)[:2]
    assert build_cache.prune(client, id=f"^({'|'.join(chosen)})$")["deleted"] == set(chosen)
    assert set(build_cache.listed(client)) == set(records) - set(chosen)


def test_a_request_takes_thousands_of_ids(client: APIClient) -> None:
    build_cache.build(client)
    [mount] = of_type(build_cache.listed(client), "exec.cachemount")
    many = [f"{number:025}" for number in range(8000)]
    assert build_cache.prune(client, id=f"^({'|'.join([*many, mount])})$")["deleted"] == {mount}


def test_a_record_with_a_child_that_stays_is_left_without_a_word_and_is_not_in_use(client: APIClient) -> None:
    build_cache.build(client)
    records = build_cache.listed(client)
    _leaf, parent = leaf_and_parent(records)
    assert not any(found["InUse"] for found in records.values())
    assert build_cache.prune(client, id=f"^{parent}$") == {"deleted": set(), "space": 0}


def test_children_and_parents_in_one_request_go_together(client: APIClient) -> None:
    build_cache.build(client)
    records = set(build_cache.listed(client))
    assert build_cache.prune(client, id=f"^({'|'.join(sorted(records))})$")["deleted"] == records
    assert build_cache.listed(client) == {}


def test_how_parents_are_listed(client: APIClient, fresh_engine) -> None:
    build_cache.build(client)
    keys = {key for found in build_cache.listed(client).values() for key in found if "arent" in key}
    assert keys == ({"Parent"} if fresh_engine.version.startswith("20.10") else {" Parents"})


def test_without_all_what_an_image_shares_stays_until_the_image_goes(client: APIClient) -> None:
    build_cache.build(client)
    records = build_cache.listed(client)
    shared = {key for key, found in records.items() if found["Shared"]}
    assert build_cache.prune(client, all_records=False)["deleted"] == set(records) - shared
    client.remove_image("built:1")
    client.remove_image("base:1")
    assert not any(found["Shared"] for found in build_cache.listed(client).values())
    assert build_cache.prune(client, all_records=False)["deleted"] == shared


def test_the_bytes_of_the_answer_count_what_an_image_has_too(client: APIClient) -> None:
    build_cache.build(client)
    records = build_cache.listed(client).values()
    answer = build_cache.prune(client)
    assert answer["space"] == sum(found["Size"] for found in records)
    assert sum(found["Size"] for found in records if found["Shared"]) > 0


def test_a_cache_mount_is_a_record_of_its_own_that_goes_without_all(client: APIClient) -> None:
    build_cache.build(client, build_cache.COPY + build_cache.MOUNT)
    [mount] = of_type(build_cache.listed(client), "exec.cachemount")
    found = build_cache.listed(client)[mount]
    assert found["Description"].startswith("cached mount /mounted from exec /bin/busybox cp")
    assert not found["Shared"]
    assert not build_cache.parents(found)
    assert mount in build_cache.prune(client, all_records=False)["deleted"]


def test_a_build_under_way_holds_what_it_uses_and_the_parents_of_that(client: APIClient) -> None:
    build_cache.build(client, build_cache.COPY, cache=True)
    failures: list[Exception] = []
    thread = threading.Thread(target=_build_slowly, args=(client, failures))
    thread.start()
    records = _used_step(client)
    used = {key for key, found in records.items() if found["InUse"]}
    assert all(parent in used for key in used for parent in build_cache.parents(records[key]))
    build_cache.prune(client)
    assert {key for key in used if build_cache.parents(records[key])} <= set(build_cache.listed(client))
    thread.join()
    assert failures == []


def _build_slowly(client: APIClient, failures: list[Exception]) -> None:
    try:
        build_cache.build(client, build_cache.COPY + SLOW, "slow:1", cache=True)
    except Exception as exc:
        failures.append(exc)


def _used_step(client: APIClient) -> dict[str, dict[str, t.Any]]:
    """The records while the slow step of a build runs, whose parent is in use."""
    for _attempt in range(300):
        records = build_cache.listed(client)
        if any(found["InUse"] and build_cache.parents(found) for found in records.values()):
            return records
    raise AssertionError("the build uses nothing")


def test_a_reused_step_counts_as_used(client: APIClient) -> None:
    build_cache.build(client, build_cache.COPY, cache=True)
    before = build_cache.listed(client)
    build_cache.build(client, build_cache.COPY, cache=True)
    after = build_cache.listed(client)
    reused = [key for key in before if after[key]["UsageCount"] > before[key]["UsageCount"]]
    assert reused
    assert all(after[key]["LastUsedAt"] > before[key]["LastUsedAt"] for key in reused)


def test_a_frontend_is_a_record_of_its_own_that_stays_without_all(client: APIClient, registry) -> None:
    """What only BuildKit itself marks, C(internal), is the image of a helper; no build of a Dockerfile has one any more."""
    reference = f"{registry.address}/frontend:1"
    state.import_image(client, "base:1")
    state.tag(client, "base:1", reference)
    state.push(client, reference)
    for name in (reference, "base:1"):
        client.remove_image(name)
    # It is pulled, and then started on a network that the lab's Engines do not have.
    with pytest.raises(LabError, match="network bridge not found"):
        state.buildkit(client, f"# syntax={reference}\nFROM scratch\n")
    build_cache.settled(client)
    [frontend] = of_type(build_cache.listed(client), "frontend")
    assert not build_cache.listed(client)[frontend]["Shared"]
    assert frontend not in build_cache.prune(client, all_records=False)["deleted"]
    assert frontend in build_cache.prune(client)["deleted"]


def test_two_records_of_the_same_data_are_listed_and_removed_as_one(client: APIClient) -> None:
    """A record that can still be changed, and the one that it became: BuildKit calls them mutable and immutable."""
    build_cache.build(client)
    records = build_cache.listed(client)
    while records:
        held = {parent for found in records.values() for parent in build_cache.parents(found)}
        leaf = min(set(records) - held)
        assert build_cache.prune(client, id=f"^{leaf}$") == {"deleted": {leaf}, "space": records[leaf]["Size"]}
        records.pop(leaf)
        assert set(build_cache.listed(client)) == set(records)


def test_a_cache_mount_is_one_record_however_often_builds_change_it(client: APIClient) -> None:
    build_cache.build(client)
    [mount] = of_type(build_cache.listed(client), "exec.cachemount")
    before = build_cache.listed(client)[mount]["UsageCount"]
    build_cache.build(client, build_cache.COPY + build_cache.MOUNT.replace("/mounted/a", "/mounted/b"), cache=True)
    after = build_cache.listed(client)
    assert of_type(after, "exec.cachemount") == {mount}
    assert after[mount]["UsageCount"] > before


def test_what_records_are_called(client: APIClient, fresh_engine) -> None:
    build_cache.build(client)
    is_old = fresh_engine.version.startswith("20.10")
    called = [found["Description"].partition("127.0.0.1")[0] for found in build_cache.listed(client).values()]
    assert sorted(called) == sorted(
        [
            # The base, which an image shares.
            "" if fresh_engine.store == "containerd" else "from local ",
            "http url http://",
            # What Docker 20.10 copies does not say by which step.
            "fileop target" if is_old else "copy /context /",
            "fileop target" if is_old else "[stage-0 2/4] COPY a /a",
            "mount / from exec /bin/busybox cp /a /copied",
            "mount / from exec /bin/busybox cp /a /mounted/a",
            "cached mount /mounted from exec /bin/busybox cp /a /mounted/a"
            + ("" if is_old else ' with id "//mounted"'),
        ]
    )
