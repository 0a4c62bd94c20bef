# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How references are selected."""

    DOCUMENTATION = r"""
options:
  patterns:
    description:
      - Select every local reference that matches one of these globs.
      - They have the semantics of the Engine's filter C(reference). V(redis) is every reference of that repository,
        V(postgres:13-beta*) every tag that begins like this. C(*) and C(?) do not match a slash.
      - They are compared with names as C(docker images) prints them, on every Engine. The filter of Engine 29 compares full names too,
        so that C(*/*/*) also finds C(docker.io/library/redis) there. It does not here, so that no task selects more after an upgrade.
      - Beyond that filter, a last part C(**) is everything below, so that V(registry.example.com/**) is every reference of that
        registry, and V(**) every reference.
      - A pattern that no reference can match is an error, such as V(^v) without O(use_regex=true) or a repository in upper case.
      - With O(use_regex=true) they are Python regular expressions, searched in C(name:tag). In a C(name@digest) a match must
        not lie in the digits of the digest alone.
    type: list
    elements: str
  use_regex:
    description:
      - Read O(patterns) and O(excludes) as Python regular expressions instead of globs.
      - An expression that takes more than a second of processor time for one name fails the task before anything is removed. A
        repetition of a repetition can take years.
    type: bool
    default: false
  excludes:
    description:
      - References that match one of these are never removed, whatever else selects them.
      - One that spells the default registry out is compared with the full form of a reference too, so that V(redis:*),
        V(docker.io/redis:*) and V(docker.io/library/redis:*) protect the same.
      - A digest, as C(docker images --digests) shows it, protects the names of its repository.
    type: list
    elements: str
    default: []
"""
