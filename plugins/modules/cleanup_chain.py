#!/usr/bin/python
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cleanup_chain
short_description: Remove containers, images and build cache from a Docker Engine in one go
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - Runs M(imagewarden.docker.container_remove), M(imagewarden.docker.image_remove), M(imagewarden.docker.image_prune_policy) and
    M(imagewarden.docker.build_cache_prune) in this order in one module start, by the same code.
  - The Engine is read once, and again only after a stage that changed something. In check mode every stage is planned on
    what the earlier stages would leave, so that the whole chain is predicted exactly.
  - The options of all stages are checked before the first request is sent.
  - The role P(imagewarden.docker.image_cleanup#role) runs this module for every Engine of a host.
requirements:
  - PyYAML on the managed host, only for C(keep.compose_files) of O(policy) (C(python3-yaml) of the distribution, or C(PyYAML) from PyPI)
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes
options:
  containers:
    description:
      - Which containers to remove, as options of M(imagewarden.docker.container_remove).
      - An empty dictionary skips the stage. This applies to every stage.
      - A stage takes all options of its module except for the connection and C(after).
    type: dict
    default: {}
  images:
    description:
      - Which images and references to remove, as options of M(imagewarden.docker.image_remove).
    type: dict
    default: {}
  policy:
    description:
      - Which images to prune, as options of M(imagewarden.docker.image_prune_policy).
    type: dict
    default: {}
  build_cache:
    description:
      - Which records of the build cache to remove, as options of M(imagewarden.docker.build_cache_prune).
    type: dict
    default: {}
  target:
    description:
      - A limit of the disk that O(policy) and O(build_cache) share. Nothing is removed while it is met, and no more than it needs
        otherwise. What is cheapest to lose is removed first, whether it is an image or build cache.
      - Both stages are planned on one measurement, which is taken before the policy. The build cache has to free what the images are
        expected to leave. What they no longer share with it counts as freed when it is removed from the build cache too.
      - A stage that shares the target cannot have another one, except for C(target.images_per_run) of the policy. If only one of them
        is given, the target is for that one.
      - An empty dictionary is no target.
    type: dict
    suboptions:
      disk_used_above:
        description:
          - Act only when more than this percentage of the file system of the Engine's data is used.
          - If it is not set, O(target.disk_used_below) is used.
        type: float
      disk_used_below:
        description:
          - Stop when no more than this percentage is used.
          - If it is not set, O(target.disk_used_above) is used.
        type: float
      disk_path:
        description:
          - A directory on the file system that is measured. By default, it is found as in
            O(imagewarden.docker.image_prune_policy#module:target.disk_path).
        type: path
      order:
        description:
          - What to remove first, of what the two stages select. Children are removed before their parents in any case.
          - The default is V(least_recently_used).
          - An image was used when O(imagewarden.docker.image_prune_policy#module:target.order) says so. One that was never seen in use
            counts from when it was first seen, so that build cache is removed before it on the first run. A record of the build
            cache was used when a build used it.
        type: str
        choices:
          least_recently_used: What was not used for longest, whether it is an image or build cache.
          largest: The largest image or record of the build cache.
          images_first: The images, least recently used first, and build cache only when no image is left to remove.
          build_cache_first: The build cache, and images only for what it cannot free, least recently used first.
  totals:
    description:
      - Ask the Engine for its disk usage before and after, as C(docker system df) prints it.
      - On a host with large volumes this can take minutes, because the Engine adds up every file in them.
    type: bool
    default: true
  details:
    description:
      - Whether the stages list what stays too. A stage that has this option of its own ignores this one.
    type: str
    choices:
      changes: List what is removed or skipped.
      all: List everything, with the reason why it stays.
    default: changes
  layers:
    description:
      - Also return the layers that are deleted, and exact sizes, at the cost of two requests for each image on the graphdriver
        store. A stage that has this option of its own ignores this one.
    type: bool
    default: false
  on_error:
    description:
      - What to do when a stage fails. The task fails in either case. When the Engine cannot be reached any more, the chain ends.
    type: str
    choices:
      continue: Run the later stages on what is left, and fail at the end.
      stop: Run no later stage.
    default: continue
  snapshot:
    description:
      - Return in RV(snapshot) what O(policy) finds on the host, after the stages before it. It is read before the policy
        removes anything.
      - This costs two requests for each image, and one for each container.
    type: bool
    default: false
notes:
  - Check mode and the real run return the same C(failed), C(changed), RV(stages) and C(diff) on the same state of the Engine, as
    far as the modules of the stages promise it.
seealso:
  - module: imagewarden.docker.container_remove
  - module: imagewarden.docker.image_remove
  - module: imagewarden.docker.image_prune_policy
  - module: imagewarden.docker.build_cache_prune
"""

EXAMPLES = r"""
- name: Remove old containers, the tags of pull requests, and all unused images but the newest
  imagewarden.docker.cleanup_chain:
    containers:
      states: [exited, dead]
      older_than: 24h
    images:
      patterns: ["ci/*:pr-*"]
      on_conflict: skip
    policy:
      remove:
        all_unused: true
      keep:
        newest: 3
        younger_than: 7d
  register: cleanup

- name: Show what was done
  ansible.builtin.debug:
    var: cleanup.summary

- name: Prune dangling images, and what was not used for a week of the build cache
  imagewarden.docker.cleanup_chain:
    policy:
      remove:
        dangling: true
    build_cache:
      remove:
        unused: true
      keep:
        younger_than: 7d

- name: When the disk is more than 85 percent full, remove what was not used for longest of images and build cache until 75 percent are used
  imagewarden.docker.cleanup_chain:
    policy:
      remove:
        all_unused: true
      keep:
        younger_than: 7d
    build_cache:
      remove:
        unused: true
    target:
      disk_used_above: 85
      disk_used_below: 75

- name: Prune dangling images only, and do not ask for the disk usage
  imagewarden.docker.cleanup_chain:
    policy:
      remove:
        dangling: true
    totals: false
"""

RETURN = r"""
stages:
  description:
    - The result of each stage as its module returns it, or V(null) for a stage that did not run.
    - A stage that failed has C(failed) and C(msg).
  returned: always, unless an option was refused
  type: dict
  contains:
    containers:
      description: What M(imagewarden.docker.container_remove) returns.
      type: dict
      sample: {changed: true, removed: [cache-old], stopped: []}
    images:
      description: What M(imagewarden.docker.image_remove) returns.
      type: dict
      sample: {changed: true, untagged: ["redis:7"]}
    policy:
      description: What M(imagewarden.docker.image_prune_policy) returns.
      type: dict
      sample:
    build_cache:
      description: What M(imagewarden.docker.build_cache_prune) returns.
      type: dict
      sample:
before:
  description: What the Engine held before the first stage. V(null) when it did not answer.
  returned: always, unless an option was refused
  type: dict
  contains:
    totals:
      description: The lines of C(docker system df), as M(imagewarden.docker.image_usage_info) returns them. V(null) without O(totals).
      type: dict
      sample:
        images: {count: 14, active: 3, size: 3758096384, reclaimable: 2147483648}
    file_system:
      description: The file system that holds the Engine's data, as M(imagewarden.docker.image_usage_info) returns it.
      type: dict
      sample: {path: /var/lib/docker, percent: 71.3}
    images:
      description: The number of images, intermediate ones too.
      type: int
      sample: 14
    containers:
      description: The number of containers.
      type: int
      sample: 5
after:
  description: The same after the last stage. V(null) in check mode, and when nothing changed.
  returned: always, unless an option was refused
  type: dict
  sample: {totals: null, file_system: null, images: 9, containers: 3}
space_measured:
  description:
    - The bytes by which the totals of images, containers and build cache shrank from RV(before) to RV(after). What others created or
      removed meanwhile is in it. The stages return what was expected in C(space_expected).
    - With the containerd image store, the Engine frees space a moment after a removal. The total of images is read again until it no
      longer changes, for up to 6 seconds.
    - V(null) in check mode, when nothing changed, without O(totals), and with the containerd image store of an Engine before 28.2, whose totals
      do not contain all that is freed.
  returned: always, unless an option was refused
  type: int
  sample: 2147483648
notices:
  description: What matters for a cleanup that must free space, as M(imagewarden.docker.image_usage_info) returns it.
  returned: always, unless an option was refused
  type: list
  elements: str
  sample: []
engine:
  description: The Engine that answered. V(null) when none did.
  returned: always, unless an option was refused
  type: dict
  sample: {version: 28.5.2, api_version: "1.51", store: containerd, driver: overlayfs, host: build-3}
snapshot:
  description:
    - What was read of the host, as the option O(imagewarden.docker.image_prune_policy#module:snapshot) takes it.
    - C(playbooks/snapshot.schema.json) in the collection describes it. V(null) if the Engine was lost before it was read.
  returned: with O(snapshot=true)
  type: dict
  sample: {schema: imagewarden.docker/snapshot, schema_version: 1, taken: "2026-03-14T09:26:53Z"}
summary:
  description: One line for a person.
  returned: always, unless an option was refused
  type: str
  sample: 2 containers removed, 5 references untagged, 4 images deleted, 1.23 GB reclaimed
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.chain import Chain, nothing_done
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.options import OPTIONS
from ansible_collections.imagewarden.docker.plugins.module_utils._module import clear_failures, finish, open_engine


def main() -> None:
    """Read the options of all stages before the Engine, run the chain and leave with its result."""
    module = AnsibleModule(argument_spec=merge(CONNECTION, OPTIONS), supports_check_mode=True)
    with clear_failures(module):
        chain = Chain.parse(module.params).ready()
    with clear_failures(module, **nothing_done()):
        finish(module, chain.run(open_engine(module), time.time(), module.check_mode))


if __name__ == "__main__":
    main()
