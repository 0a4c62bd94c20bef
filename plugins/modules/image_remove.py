#!/usr/bin/python

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: image_remove
short_description: Remove Docker images by name, tag, digest, ID, pattern or filter
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - Removes references and images from a Docker Engine, as C(docker rmi) does, with a check mode that predicts exactly
    what will be untagged and deleted.
  - Every removal is simulated in sequence on a snapshot of the Engine's store, and its target is verified right before
    it is removed. What changed in between is skipped and reported.
  - A missing image is not an error.
  - An image that is removed with its only name is addressed by its ID, and with the containerd image store by both, so that a name
    that moves at that moment is never removed. Without O(force), the Engine itself then refuses an image that got a container, and
    keeps one that got a second name.
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes
  - imagewarden.docker.selection
  - imagewarden.docker.result
options:
  names:
    description:
      - Images to remove, in every form that C(docker rmi) takes. These are V(name), V(name:tag), V(name@digest),
        V(name:tag@digest), a long ID and a short ID of three or more hex digits, with or without C(sha256:).
      - A name without a tag and a digest means the tag V(latest).
      - An image that has several references is removed by its ID only when all of them are of one repository and at most one
        of them is a tag, or with O(force=true). Name its references instead.
      - A short ID of several images is an error that lists them.
      - Quote what consists of digits, such as the ID V("0501") or the name V("1.10"). YAML takes these for numbers otherwise and
        reads V(1.10) as V(1.1), so that a number is an error.
      - A name is not a pattern. Use O(patterns) for V(redis:*), and O(filters) for the V(<none>) that C(docker images) prints.
    type: list
    elements: raw
    aliases: [name]
  filters:
    description:
      - Narrows what O(names) and O(patterns) select. Given alone, it selects every image that matches, with all its references.
      - The keys are those of C(docker images --filter). Every key that is given must match.
      - V(dangling) is a boolean. As for the Engine, an image with digests but no tag is dangling with graph drivers and
        not with the containerd store. An untagged parent of another image is not selected.
      - V(label) is a C(key) or C(key=value), or a list of them that must all match. V(label!) is the same, and none of them may match.
      - V(before) and V(since) name an image. The Engine itself compares the creation dates.
      - V(until) is a duration such as V(168h) or V(7d), or a timestamp such as V(2020-07-07T00:00:00Z). It is compared with
        the creation date of the image. An image whose creation date is that of a reproducible build does not match.
    type: dict
  untag_only:
    description:
      - Never remove the last reference of an image. Such an image is kept, and its entry in RV(images) says so.
    type: bool
    default: false
  on_conflict:
    description:
      - What to do when the Engine would refuse one of the removals, because a container uses the image, because the image
        has several references and is named by its ID, or because it has child images.
    type: str
    choices:
      fail: Refuse before anything is removed, and name every conflict with its remedy.
      skip: Remove the rest, and list the conflicts.
    default: fail
  force:
    description:
      - Remove images that stopped containers use, and images with several references by their ID, as the Engine's own C(force).
      - This is the last resort. A container whose image was removed cannot be created again. With graph drivers (overlay2), an
        image is deleted even while a stopped container uses it.
    type: bool
    default: false
  prune_parents:
    description:
      - Remove the untagged parents of a removed image too, as long as nothing else needs them. This is the opposite of the
        Engine's C(noprune).
    type: bool
    default: true
notes:
  - Check mode and the real run return the same C(failed), C(changed), RV(untagged), RV(deleted), RV(absent), RV(conflicts) and C(diff)
    on the same state of the Engine, on both image stores.
  - Check mode cannot predict what no API shows. The layers that BuildKit holds stay, so RV(deleted_layers) can be
    shorter in the real run, and RV(space_exact) is V(false) then.
  - An Engine reports the name by which a container mounts an image, and not the image. When that name was removed, or was given to
    an image after the container was created, every image may be the mounted one, and its last reference is a conflict.
  - On Engine 26 with the containerd store, an image without content for the host's platform is not listed, and counts as absent.
seealso:
  - module: imagewarden.docker.container_remove
  - module: imagewarden.docker.image_prune_policy
  - name: From commands to tasks
    description: Commands of Docker, and the equivalent tasks.
    link: https://github.com/imagewarden/imagewarden.docker/blob/main/docs/docsite/rst/guide_commands.rst
  - name: Audits in check mode
    description: How to read a prediction, and how to chain tasks in check mode.
    link: https://github.com/imagewarden/imagewarden.docker/blob/main/docs/docsite/rst/guide_check_mode_audits.rst
  - name: docker image rm
    description: The command that this module replaces.
    link: https://docs.docker.com/reference/cli/docker/image/rm/
"""

EXAMPLES = r"""
- name: Remove images by name, tag, digest and ID
  imagewarden.docker.image_remove:
    names:
      - centos
      - redis:alpine
      - node@sha256:d938c1761e3afbae9242848ffbb95b9cc1cb0a24d889f8bd955204d347a7266e
      - 501d3c9ee6b7

- name: Show what would be removed, line by line (run with --check --diff)
  imagewarden.docker.image_remove:
    names: [app:1, app:2]
    layers: true
  register: releases

- name: Remove dangling images; in check mode, as if the task above had removed the releases
  imagewarden.docker.image_remove:
    filters:
      dangling: true
    after: ["{{ releases }}"]

- name: Remove every tag that matches a regular expression
  imagewarden.docker.image_remove:
    patterns: ['^postgres:13-beta']
    use_regex: true

- name: Remove the tags of pull requests, but never those that are kept for an audit
  imagewarden.docker.image_remove:
    patterns: ["ci/*:pr-*"]
    excludes: ["ci/*:pr-*-audit"]

- name: Remove the images created before another one, and continue when a container needs one of them
  imagewarden.docker.image_remove:
    filters:
      before: mongo:3.2
    on_conflict: skip

- name: Remove one tag, and keep the image under another
  imagewarden.docker.image_remove:
    name: registry.example.com/app:candidate
    untag_only: true
"""

RETURN = r"""
untagged:
  description:
    - The references that were removed, in the Engine's order and words.
    - An entry C(moby-dangling@sha256:...) is a record of the containerd store that kept a replaced image in addition to its names.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: ["redis:alpine", "redis@sha256:5313c2c1a2ad0ffc1e0a4e8c38d2b8fd4ebbd2c0b8b9a4a3c7a4a1bf4f2a6e10"]
deleted:
  description:
    - The IDs of the images that were deleted, in order, including untagged parents that were deleted with them.
    - An image that the containerd store reports as deleted and keeps as the parent of another is not among them.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: ["sha256:501d3c9ee6b7aa51c4a03f9a3b2a3eac5ec9b1b2aa6d0a5e8a9a3b8a0c1d2e3f"]
absent:
  description:
    - What was asked for and does not exist, as it was written. A missing image is not an error.
    - In the real run, also what somebody else removed after planning.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: ["centos:6"]
unmatched:
  description:
    - The O(patterns) and O(excludes) that match no reference of the host, each preceded by its option. Each causes a warning too.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: ["excludes: registry.example.com/bsae/*"]
conflicts:
  description: The removals that the Engine would refuse, or did refuse because something changed after planning.
  returned: always, unless the task failed before planning
  type: list
  elements: dict
  contains:
    target:
      description: The reference or ID, as it was written or selected.
      type: str
      sample: redis:alpine
    reason:
      description: Why, with every container or child image that holds the image.
      type: str
      sample: "the image is used by a container: cache (3f2a1b9c8d7e, exited)"
    container:
      description: The first of these containers, with C(name), C(id) (short) and C(state). V(null) if it is not a container.
      type: dict
      sample: {name: cache, id: 3f2a1b9c8d7e, state: exited}
    forceable:
      description: Whether the Engine would do it with C(force).
      type: bool
      sample: true
    remedy:
      description: What to do about it.
      type: str
      sample: "remove the container first (container_remove, names: cache), or as the last resort set force: true"
images:
  description: A verdict for each image that is deleted, untagged or skipped; with O(details=all) for every image of the host.
  returned: always, unless the task failed before planning
  type: list
  elements: dict
  contains:
    id:
      description: The image's ID.
      type: str
      sample: sha256:501d3c9ee6b7aa51c4a03f9a3b2a3eac5ec9b1b2aa6d0a5e8a9a3b8a0c1d2e3f
    references:
      description: Its references before the task.
      type: list
      elements: str
      sample: ["redis:7", "redis:alpine"]
    action:
      description: What becomes of it.
      type: str
      choices: [deleted, untagged, kept, skipped]
      sample: deleted
    reason:
      description: Why.
      type: str
      sample: its last reference was removed
    rule:
      description: The option that decided, with its value.
      type: str
      sample: "patterns: ci/*:pr-*"
    size:
      description: Its size in bytes as the Engine lists it, with what it shares with other images.
      type: int
      sample: 41370624
    created:
      description: When it was created. V(null) where the date is missing or that of a reproducible build.
      type: str
      sample: "2026-02-03T04:05:06Z"
    containers:
      description: The containers created from it and those that mount it, each with C(name), C(id) (short) and C(state).
      type: list
      elements: dict
      sample: []
space_reclaimed:
  description: The number of bytes freed.
  returned: always, unless the task failed before planning
  type: int
  sample: 1234803098
space_exact:
  description:
    - Whether RV(space_reclaimed) is exact. If it is V(false), at least this many bytes are freed.
    - It is exact with O(layers=true) on the graphdriver store, unless BuildKit's cache, an image mount, or a container whose image
      was removed may hold layers that no API shows. On the containerd store it never is when an image is deleted.
  returned: always, unless the task failed before planning
  type: bool
  sample: false
space_expected:
  description:
    - The number of bytes most likely freed. It is that of RV(space_reclaimed) where RV(space_exact=true), and the best
      estimate otherwise, which the summary shows as V(about 10 MB).
    - On the containerd store they are snapshots and the blobs that these were unpacked from. From Docker 29.5 on, the
      Engine reports what images share of both. Before, blobs that images share are assumed to compress like the rest of the image,
      unless another image has exactly these. What several images free together when the last of them is deleted counts with
      O(layers=true) only.
    - What BuildKit's cache holds beyond the images counts as freed here, and not in RV(space_reclaimed).
  returned: always, unless the task failed before planning
  type: int
  sample: 1234803098
engine:
  description: The Engine that answered.
  returned: always, unless the task failed before planning
  type: dict
  sample: {version: 28.5.2, api_version: "1.51", store: containerd, driver: overlayfs, host: build-3}
summary:
  description: One line for a person.
  returned: always, unless the task failed before planning
  type: str
  sample: 2 references untagged, 1 image deleted, at least 1.23 GB reclaimed, 14 kept
archived:
  description: The images that were saved before they were deleted, each with C(id) and the C(path) of the archive.
  returned: with O(archive_dir), unless the task failed before planning
  type: list
  elements: dict
  sample:
    - id: sha256:501d3c9ee6b7aa51c4a03f9a3b2a3eac5ec9b1b2aa6d0a5e8a9a3b8a0c1d2e3f
      path: /var/backups/images/501d3c9ee6b7aa51c4a03f9a3b2a3eac5ec9b1b2aa6d0a5e8a9a3b8a0c1d2e3f.tar
deleted_layers:
  description:
    - The chain IDs of the layers that were deleted, in the Engine's order.
    - V(null) on the containerd store, which does not report them.
  returned: with O(layers=true), unless the task failed before planning
  type: list
  elements: str
  sample: ["sha256:e07ee1baac5fae6a26f30cabfe54a36d3402f96afda318fe0a96cec4ca393359"]
"""

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._image.options import OPTIONS
from ansible_collections.imagewarden.docker.plugins.module_utils._image.stage import Stage
from ansible_collections.imagewarden.docker.plugins.module_utils._module import ImageModule as AnsibleModule
from ansible_collections.imagewarden.docker.plugins.module_utils._module import run_stage


def main() -> None:
    """Run the stage that the options ask for."""
    run_stage(AnsibleModule(argument_spec=merge(CONNECTION, OPTIONS), supports_check_mode=True), Stage)


if __name__ == "__main__":
    main()
