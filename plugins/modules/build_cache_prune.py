#!/usr/bin/python

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: build_cache_prune
short_description: Prune the build cache of a Docker Engine by a policy, with an exact preview
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - Removes records of the Engine's build cache, as C(docker builder prune) does, with a check mode that lists each of them
    beforehand. C(docker builder prune) has no preview.
  - A record is removed if any selector of O(remove) matches it and no rule of O(keep) does. A record that is in use, or that has
    a child that stays, stays too.
  - Every removal names its record. What the Engine still lists afterwards is reported as skipped, with the reason.
  - When the answer to a request is lost or an error, the Engine is asked what is left, and the removal is tried again.
    When the Engine itself does not answer, for example because it is restarted, the task waits up to 60 seconds for it.
  - This is the cache of the builder inside the Engine. The caches of other builders, such as the containers that
    C(docker buildx create) starts, are not the Engine's.
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes
options:
  remove:
    description:
      - Which records may be removed. At least one selector is required.
    type: dict
    required: true
    suboptions:
      all:
        description:
          - Every record, as C(docker builder prune --all) does. This includes internal records, frontends, and records whose
            layers an image has too. Removing the latter frees nothing, and the next build has to start from scratch.
        type: bool
        default: false
      unused:
        description:
          - What C(docker builder prune) removes. These are the records that are not internal, not a frontend, and not shared
            with an image.
        type: bool
        default: false
      types:
        description:
          - Records of one of these types.
        type: list
        elements: str
        choices: [internal, frontend, regular, source.local, source.git.checkout, exec.cachemount]
      descriptions:
        description:
          - Records whose whole description matches one of these globs, such as V(*COPY *) or V(cached mount /root/.npm *).
          - Docker 20.10 describes everything that is copied as V(fileop target), without the step.
          - C(*) matches anything, slashes too, and C(?) matches one character. Brackets are literal, because
            descriptions contain them.
        type: list
        elements: str
      use_regex:
        description:
          - Read O(remove.descriptions) as Python regular expressions, searched in the description. If it is not set, O(use_regex) decides.
        type: bool
  keep:
    description:
      - Which records stay. Any match keeps.
    type: dict
    suboptions:
      younger_than:
        description:
          - Records that are younger than this. A duration such as V(72h) or V(7d), or a timestamp such as V(2020-07-07T00:00:00Z).
          - A record whose age is unknown stays too.
        type: str
      age_by:
        description:
          - How the age of a record is determined. If it is not set, this is V(used).
        type: str
        choices:
          used: By when it was last used. A record that was never used counts from its creation.
          created: By when it was created.
      types:
        description:
          - Records of one of these types.
        type: list
        elements: str
        choices: [internal, frontend, regular, source.local, source.git.checkout, exec.cachemount]
      descriptions:
        description:
          - Records whose description matches one of these globs, written as in O(remove.descriptions).
        type: list
        elements: str
      use_regex:
        description:
          - Read O(keep.descriptions) as Python regular expressions, searched in the description. If it is not set, O(use_regex) decides.
        type: bool
  target:
    description:
      - How much to remove. No more records are removed than these limits ask for. Without it, every candidate is removed.
      - Records that share their layers with an image then stay, because removing them frees nothing.
    type: dict
    suboptions:
      total_size:
        description:
          - The most that the build cache may take up, without what images share with it, as C(docker system df) counts it.
          - A size such as V(20GB) (10^9 bytes each) or V(20GiB) (2^30 bytes each), or a percentage of the file system such as V(10%).
        type: str
      disk_used_above:
        description:
          - Remove only if more than this percentage of the file system that holds the Engine's data is used. If it is not set,
            it is O(target.disk_used_below).
        type: float
      disk_used_below:
        description:
          - Stop when no more than this percentage is used. If it is not set, it is O(target.disk_used_above).
        type: float
      disk_path:
        description:
          - A directory on the managed host, whose file system is measured. If it is not set, it is the Engine's data directory, as
            far as the Engine runs on the managed host.
        type: path
      order:
        description:
          - Which records to remove first. Children are removed before their parents in any case.
        type: str
        choices:
          least_recently_used: What was not used for the longest time. A record that was never used counts from its creation.
          largest: The largest.
        default: least_recently_used
  guard:
    description:
      - When to remove nothing and fail, because the plan is larger than expected.
    type: dict
    suboptions:
      max_records:
        description:
          - The most records to delete.
        type: int
      max_percent:
        description:
          - The largest percentage of the records to delete.
        type: float
  use_regex:
    description:
      - Read O(remove.descriptions) and O(keep.descriptions) as Python regular expressions instead of globs.
      - An expression that takes more than a second of processor time for one string fails the task before anything is removed.
    type: bool
    default: false
  details:
    description:
      - Which records RV(records) in the result lists.
    type: str
    choices:
      changes: Those that are deleted or skipped.
      all: Every record, with the reason why it stays.
    default: changes
notes:
  - While builds are running, every record that was used in the last 10 minutes stays, because the Engine does not hold what a build
    needs next. With the containerd image store of an Engine before 28, every record stays then. Builds are recognized by the
    records that they use. Where there is a sign of one, the task takes up to two seconds longer. Right before each removal it looks
    once more.
seealso:
  - module: imagewarden.docker.image_prune_policy
  - module: imagewarden.docker.image_usage_info
  - name: docker builder prune
    description: The command that this module replaces.
    link: https://docs.docker.com/reference/cli/docker/builder/prune/
"""

EXAMPLES = r"""
- name: Remove what docker builder prune would remove, if it was not used for three days
  imagewarden.docker.build_cache_prune:
    remove:
      unused: true
    keep:
      younger_than: 72h

- name: Keep the build cache below 20 GB, but never touch the caches of package managers
  imagewarden.docker.build_cache_prune:
    remove:
      unused: true
    keep:
      types: [exec.cachemount]
    target:
      total_size: 20GB

- name: When the disk is more than 85 percent full, remove records until it is 70 percent full, the largest first
  imagewarden.docker.build_cache_prune:
    remove:
      all: true
    target:
      disk_used_above: 85
      disk_used_below: 70
      order: largest

- name: Remove one cache mount, whose content is broken
  imagewarden.docker.build_cache_prune:
    remove:
      descriptions: ["cached mount /root/.npm *"]

- name: Remove old build contexts and checkouts, but fail if that would be more than half of the records
  imagewarden.docker.build_cache_prune:
    remove:
      types: [source.local, source.git.checkout]
    keep:
      younger_than: 30d
      age_by: created
    guard:
      max_percent: 50
"""

RETURN = r"""
deleted:
  description: The IDs of the records that were deleted, in order. Children come before their parents.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: [kabii3fs09ohxjy8fcwv2glh2, v74wb5llqgl2v8b5t3l8ld8wz]
records:
  description: The records that were deleted, in order, and those that were skipped; with O(details=all) those that stay, too.
  returned: always, unless the task failed before planning
  type: list
  elements: dict
  contains:
    id:
      description: The ID.
      type: str
      sample: kabii3fs09ohxjy8fcwv2glh2
    type:
      description: The type.
      type: str
      sample: regular
    description:
      description: The builder's description of it.
      type: str
      sample: "[stage-0 2/4] COPY package.json /app/"
    size:
      description: The bytes of the record.
      type: int
      sample: 36995
    shared:
      description: Whether an image has its layer too. Its bytes are not freed then.
      type: bool
      sample: false
    in_use:
      description: Whether a build used it, or a child that a build used.
      type: bool
      sample: false
    parents:
      description: The IDs of the records that it builds on.
      type: list
      elements: str
      sample: [v74wb5llqgl2v8b5t3l8ld8wz]
    created:
      description: When it was created.
      type: str
      sample: "2026-03-14T09:26:53Z"
    last_used:
      description: When it was last used. V(null) if it never was.
      type: str
      sample: "2026-03-15T18:02:11Z"
    usage_count:
      description: How often it was used.
      type: int
      sample: 3
    action:
      description:
        - V(deleted), V(kept) because a rule keeps it or nothing selects it, or V(skipped) because it could not be removed.
      type: str
      choices: [deleted, kept, skipped]
      sample: deleted
    reason:
      description: Why.
      type: str
      sample: remove.unused selects it, and no rule of keep does
    rule:
      description: The rule that decided.
      type: str
      sample: remove.unused
space_reclaimed:
  description:
    - The bytes that were freed, as the Engine counts them, without those of layers that images share.
    - In check mode, the bytes that the Engine lists for these records.
  returned: always, unless the task failed before planning
  type: int
  sample: 1204332
space_exact:
  description: Whether the Engine confirmed all of RV(space_reclaimed). It did not if an answer was lost.
  returned: always, unless the task failed before planning
  type: bool
  sample: true
space_expected:
  description: The bytes that were most likely freed. The same as RV(space_reclaimed) if that is exact.
  returned: always, unless the task failed before planning
  type: int
  sample: 1204332
engine:
  description: The Engine that answered.
  returned: always, unless the task failed before planning
  type: dict
  sample: {version: 28.5.2, api_version: "1.51", store: containerd, driver: overlayfs, host: build-3}
summary:
  description: One line for a person.
  returned: always, unless the task failed before planning
  type: str
  sample: 12 build cache records deleted, 1.2 MB reclaimed, 4 kept
younger_than:
  description: How O(keep.younger_than) was read. V(null) without it.
  returned: always, unless the task failed before planning
  type: dict
  contains:
    limit:
      description: The limit as it was written.
      type: str
      sample: 72h
    time:
      description: The time that this means.
      type: str
      sample: "2026-03-11T09:26:53Z"
    local_time:
      description: Whether it had no time zone, so that it was read in the local time of the managed host.
      type: bool
      sample: false
target:
  description: How the limits of O(target) compare before and after. V(null) without O(target).
  returned: always, unless the task failed before planning
  type: dict
  contains:
    met:
      description: Whether all limits are met afterwards. If not, there is a warning.
      type: bool
      sample: true
    text:
      description: The same for a person.
      type: str
      sample: the target is met
    needed:
      description: The bytes that had to be freed. V(null) if inodes are short, so that every candidate has to be removed.
      type: int
      sample: 1000000
    total_size:
      description: The limit of O(target.total_size) in bytes, and the bytes before and after. V(null) without it.
      type: dict
      sample: {limit: 20000000000, before: 31500000000, after: 19800000000}
    disk:
      description: The limits in percent, the file system, and how full it was before and after. V(null) without such a limit.
      type: dict
      sample:
        above: 85.0
        below: 70.0
        path: /var/lib/docker
        before: {percent: 91.2, inodes_percent: 12.0}
        after: {percent: 69.8, inodes_percent: 11.0}
guard:
  description: The rule of O(guard) that the plan breaks, with C(rule), C(limit), C(found) and C(text). V(null) if it breaks none.
  returned: always, unless the task failed before planning
  type: dict
  sample: {rule: guard.max_percent, limit: 50.0, found: 71.4, text: "5 of 7 build cache records (71.4 %) would be deleted, but guard.max_percent is 50 %"}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.options import OPTIONS
from ansible_collections.imagewarden.docker.plugins.module_utils._build_cache.stage import Stage
from ansible_collections.imagewarden.docker.plugins.module_utils._module import run_stage


def main() -> None:
    """Run the stage that the options ask for."""
    run_stage(AnsibleModule(argument_spec=merge(CONNECTION, OPTIONS), supports_check_mode=True), Stage)


if __name__ == "__main__":
    main()
