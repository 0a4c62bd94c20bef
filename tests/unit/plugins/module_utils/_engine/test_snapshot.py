# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import Container, Snapshot

from ..builders import digest_reference, image

NODE = digest_reference("node", "d1")


def test_the_tags_of_an_image_are_told_from_its_digests():
    assert [reference.familiar for reference in image("d1", "node:18", NODE).tags] == ["node:18"]


def test_a_doubt_about_a_mount_stays_when_the_engine_is_read_anew():
    def mounting(container_id, moved=(), undated=()):
        return Container(
            container_id, mounted_images=("m:1",), moved_mounts=frozenset(moved), undated_mounts=frozenset(undated)
        )

    earlier = Snapshot(containers=(mounting("a", ["m:1"]), mounting("b", [], ["m:1"]), mounting("gone", ["m:1"])))
    now = Snapshot(containers=(mounting("a"), mounting("b"), mounting("new"), Container("plain")))
    assert now.as_doubtful_as(earlier).containers == (
        mounting("a", ["m:1"]),
        mounting("b", [], ["m:1"]),
        mounting("new"),
        Container("plain"),
    )
