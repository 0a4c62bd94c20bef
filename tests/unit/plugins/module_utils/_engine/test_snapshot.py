# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..builders import digest_reference, image

NODE = digest_reference("node", "d1")


def test_the_tags_of_an_image_are_told_from_its_digests():
    assert [reference.familiar for reference in image("d1", "node:18", NODE).tags] == ["node:18"]
