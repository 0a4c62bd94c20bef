#!/usr/bin/python

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: image_prune_policy
short_description: Remove Docker images by a retention policy
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - Removes from a Docker Engine the images that a policy does not keep. The policy says what may be removed, what always
    stays, how much to remove, and when a plan is so large that it must be a mistake.
  - A reference, or an image without one, is removed if any selector of O(remove) matches it and no rule of O(keep) does.
  - A policy never forces, and never touches an image that a container uses, running or not. Of an image in use, the
    references by which containers use it stay. Its other references are removed only when O(remove.patterns), O(remove.labels),
    O(remove.before) or O(remove.since) selects them. If it cannot be determined by which reference a container uses an image,
    all of them stay.
  - Check mode predicts exactly what a real run would remove, in the same order.
  - The Engine's own prune is never called, because its selection differs by store and cannot be seen beforehand.
requirements:
  - PyYAML on the managed host, only for O(keep.compose_files) (C(python3-yaml) of the distribution, or C(PyYAML) from PyPI)
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes
  - imagewarden.docker.result
options:
  remove:
    description:
      - What may be removed. Whatever any of these selectors matches is removed, unless O(keep) says otherwise.
      - At least one selector is required. There is no implicit "everything".
    type: dict
    required: true
    suboptions:
      dangling:
        description:
          - What the Engine's own filter C(dangling=true) lists on its store, and C(docker image prune) removes. With graph
            drivers (overlay2) these are images without a tag, also those that only a digest names, as a pull leaves them when
            it replaces an image. On the containerd image store these are images without any name.
          - An image in use is never selected by it, nor one that another image was built on.
          - To keep what was pulled by its digest, set O(keep.digests=true).
          - An image that a build created and has not tagged yet looks the same. Set O(keep.younger_than) on hosts that build.
          - What the task itself leaves dangling is removed in the same run.
        type: bool
        default: false
      all_unused:
        description:
          - Every image that no container uses, as C(docker image prune --all) selects it.
        type: bool
        default: false
      patterns:
        description:
          - Every local reference that matches one of these globs, with the semantics of the Engine's filter C(reference).
            V(redis) is every reference of that repository, V(ci/*:pr-*) every tag that begins like this. C(*) and C(?) do not
            match a slash.
          - They also select references of an image in use, other than those by which containers use it.
          - On the containerd store, removing a digest also removes every tag of its repository. There, a digest is removed
            only if all of these tags are selected too.
        type: list
        elements: str
      use_regex:
        description:
          - Read O(remove.patterns) as Python regular expressions, searched in C(name:tag).
          - If it is not set, O(use_regex) decides.
        type: bool
      labels:
        description:
          - Images that have any of these labels. Each is C(key) or C(key=value).
        type: list
        elements: str
      all_labels:
        description:
          - Images that have all of these labels.
        type: list
        elements: str
      exclude_labels:
        description:
          - Images that have any of these labels are kept, whatever selects them. This is C(--filter label!=LABEL) of
            C(docker image prune).
        type: list
        elements: str
      before:
        description:
          - Images created before this one, which is itself kept. The Engine compares the dates, so a missing image is
            an error.
        type: str
      since:
        description:
          - Images created since this one, which is itself kept.
        type: str
  keep:
    description:
      - What stays, whatever selects it. Any of these rules is enough.
      - A rule that can keep nothing, such as an empty list, V(0), a date in the future, or O(keep.newest_by) without
        O(keep.newest), is an error before any request is sent to the Engine. So is an empty dictionary.
      - A pattern, a label or a list of images that matches nothing on the host causes a warning.
      - An untagged parent that a rule keeps stays when its children are removed, and so do the untagged images between them.
        O(keep.unrecoverable) does not keep it, because the layers of a parent are those of its child.
    type: dict
    suboptions:
      newest:
        description:
          - The number of images to keep of each repository, of those that O(remove) selects and no other rule keeps. Several tags on
            one image count once, and images in use are kept in addition.
          - An image in use that is newer than one of them keeps all its references in the repository, not only those in use.
          - When two images are equally new, the one with the greater ID counts as newer. An image that only a digest names is
            never newer than one with a tag.
          - Instead of a number, a list of groups can be given, each a dictionary with C(patterns), C(count), and optionally
            C(use_regex) and C(newest_by). A group counts the images that its patterns match, separately in each repository.
            A regular expression with named groups, such as V(^app:(?P<branch>.+\)-[0-9]+$), counts separately for each of
            their values. An image that any group keeps is kept.
        type: raw
      newest_by:
        description:
          - How the newest images are determined. The default is V(created).
        type: str
        choices:
          created: The creation date. An image without a credible one is kept in addition, unless O(keep.unknown_age=false).
          tagged: When it was last tagged on this host, where the Engine reports that, and otherwise the creation date.
            Graph drivers do not report pulls, the containerd image store does. This costs one request for each image.
          version: >-
            The greatest version among its tags in the repository. V(1.9) comes before V(1.10), V(2.0-rc1) before V(2.0), and a
            C(v) in front does not count. V(latest), hashes of commits and other tags that are not versions come before
            every version, and so never push one out. Beside versions with dots, such as V(1.4.3), neither dates (V(20240329)) nor numbers
            of builds (V(1234567)) are versions. In a repository that has only such tags, they are compared as numbers.
      younger_than:
        description:
          - Images younger than a duration, such as V(7d), V(168h), V(2w) or V(1h30m) with the units V(m), V(h), V(d) and V(w),
            or than a timestamp, such as V(2020-07-07T00:00:00Z).
          - A timestamp without a zone is in the local time of the managed host. RV(younger_than) shows how it was read.
        type: str
      age_by:
        description:
          - How the age is determined. The default is V(created).
          - C(docker image prune --filter until=6h) compares the creation date with graph drivers, and on the containerd image
            store when the image was pulled, loaded or tagged, which is V(tagged).
        type: str
        choices:
          created: The creation date.
          tagged: The last tagging on this host, where the Engine reports that, and otherwise the creation date. Graph drivers
            do not report pulls. This costs one request for each image.
          used: The last use, as O(usage_file) describes it. This costs one request for each image and each container.
      patterns:
        description:
          - References that match one of these globs. They are compared with the short form of a reference, and with the
            full one if they spell V(docker.io) out, with or without C(library).
        type: list
        elements: str
      use_regex:
        description:
          - Read O(keep.patterns) as Python regular expressions, searched in C(name:tag).
          - If it is not set, O(use_regex) decides.
        type: bool
      labels:
        description:
          - Images that have any of these labels. Each is C(key) or C(key=value).
        type: list
        elements: str
      digests:
        description:
          - Images that only a digest names, such as those that were pulled as V(app@sha256:...).
        type: bool
      images:
        description:
          - Images to keep, such as those that other hosts use. There can be thousands.
          - If none of them is on the host, apart from optional ones, a warning is shown.
        type: list
        elements: dict
        suboptions:
          image:
            description:
              - A reference, which keeps this name and so its image, or a digest or an ID, which keeps the whole image. A digest
                that a registry knows matches whatever image store the host has. The first digits of a digest or an ID are enough.
              - A list of them is accepted, too.
            type: list
            elements: str
            required: true
          reason:
            description:
              - Why it is kept, as results show it.
            type: str
          optional:
            description:
              - Whether it may be missing on this host. Lists that are made for many hosts set this.
            type: bool
            default: false
      compose_files:
        description:
          - Compose files on the managed host, by absolute paths. Whatever the services in them name stays, also if the project is down.
            These are the images of all profiles, their tags of a build, images that are mounted, and what Compose names a service that
            it builds without C(image), such as V(shop-web). What the files include or extend is read too.
          - These files alone are read. List overrides such as C(compose.override.yaml), too. One that lies beside a listed file and is not
            listed causes a warning. Patterns are not expanded.
          - Variables are replaced by those of the file C(.env) in the directory of the Compose file, and by defaults such as
            V(${TAG:-1.4}). The environment that Compose runs in is not known.
          - A variable without a value may have any, which causes a warning. V(app:${TAG}) keeps every tag of C(app), V(${REGISTRY}/app:1)
            keeps C(app:1) of every registry, and V(${IMAGE}) every image of the host.
          - A file that is missing, cannot be read or has no services is an error before any request is sent to the Engine, because an image
            that it names could be removed. A service whose image is not on the host is not an error.
          - Needs PyYAML on the managed host.
        type: list
        elements: path
      unknown_age:
        description:
          - Creation dates of 1970 and 1980, as reproducible builds set them, and missing ones say nothing about the age. With V(true), an
            image with such a date is kept by O(keep.younger_than) and by O(keep.newest), and is not selected by
            O(remove.before) alone.
          - With V(false) it counts as old. The default is V(true).
          - Labels and dates of an image whose configuration is not on the host are not known. No selector matches such an
            image by them, and every rule that asks for them keeps it.
        type: bool
      unrecoverable:
        description:
          - Whether to keep images that cannot be pulled again. The default is V(never).
        type: str
        choices:
          never: This is no reason to keep an image.
          unpushed: >-
            Keep images that were never pushed or pulled, as far as the store shows. The containerd store shows that only of
            images that were pulled by digest, so that all others stay. Use V(verify) there.
          verify: >-
            Ask the registry, through the Engine and with the credentials that C(docker login) left on the managed host, whether
            it still has the image, and keep those that it does not show. A registry that does not answer within
            15 seconds means that they are kept. This costs one request for each candidate.
  target:
    description:
      - Remove no more than is needed. The plan ends as soon as the bytes that it most likely frees meet the target.
      - Without it, everything that O(remove) selects and O(keep) does not keep is removed.
      - With it, an image is removed only if all of its references are and none of its child images stays, because otherwise nothing is freed.
      - The bytes are exact with O(layers=true) on the graphdriver store. Otherwise they are an estimate, RV(space_expected), which
        leaves out what BuildKit, or a container whose image was removed, may hold in addition. If less is freed than expected, the
        next run goes on.
      - On the containerd store only O(layers=true) shows how much several images free together.
      - Where the Engine does not report what an image shares with others, it counts in full.
      - A target that cannot be met or measured is not a failure. The result and a warning say what was reached.
    type: dict
    suboptions:
      total_size:
        description:
          - The most that all images may take up, such as V(20GB) (of 10^9 bytes), V(20GiB) (of 2^30 bytes) or V(50%) of the
            file system that holds the Engine's images. A unit is required.
          - It is compared with what C(docker system df) prints for images, in which a layer that several images share counts
            once. With the containerd image store of an Engine before 29.6, that contains the build cache, which is left out here.
        type: str
      disk_used_above:
        description:
          - Act only when more than this percentage of the file system is used that holds the Engine's images, by bytes or by
            inodes.
          - Known only where the Engine runs on the managed host and O(docker_host) is a socket. Elsewhere nothing is removed
            for this limit.
          - No Engine reports how many inodes an image takes up. When they run short, every candidate is removed.
          - If it is not set, O(target.disk_used_below) is used.
        type: float
      disk_used_below:
        description:
          - Stop as soon as no more than this percentage is used.
          - If it is not set, O(target.disk_used_above) is used.
        type: float
      disk_free_below:
        description:
          - Act only when less than this size, or this percentage of the file system, is free.
          - If it is not set, O(target.disk_free_above) is used.
        type: str
      disk_free_above:
        description:
          - Stop as soon as this much is free.
          - If it is not set, O(target.disk_free_below) is used.
        type: str
      disk_path:
        description:
          - A directory on the file system to measure, where the Engine does not report where its images are, such as that of a
            containerd with a configuration of its own. RV(target.disk) names what was measured. Where that is in doubt, limits of
            the file system need this option.
        type: path
      images_per_run:
        description:
          - The largest number of images that one run deletes or untags. The rest is left for the next run.
          - An image whose removal also removes untagged parents is left too if these are too many, unless it is the first.
        type: int
      order:
        description:
          - Which images to remove first. An image is always removed before the one that it was built on.
        type: str
        choices:
          oldest: By creation date. Images without a credible one come last.
          least_recently_used: By last use, as O(usage_file) describes it.
          largest: By size, as C(docker images) lists it.
        default: oldest
  guard:
    description:
      - Refuse, before anything is removed, when the plan is larger than this. The message names the rule and the ten largest
        images of the plan.
    type: dict
    suboptions:
      max_images:
        description:
          - The most images that may be deleted. Those that only lose a reference do not count.
        type: int
      max_percent:
        description:
          - The most of the host's images that may be deleted, in percent.
        type: float
      min_per_repository:
        description:
          - How many images must be left in every repository that the plan takes one from.
        type: int
  use_regex:
    description:
      - Read O(remove.patterns) and O(keep.patterns) as Python regular expressions instead of globs.
      - An expression that takes more than a second of processor time for one name fails the task before anything is removed.
    type: bool
    default: false
  usage_file:
    description:
      - The usage record, a file on the managed host. An Engine forgets that an image was used as soon as its last container is
        removed, so each real run records here when every image was first seen and when it was last seen used.
      - I(Last used) is the newest of the creation of the image, the creation, start and finish of the containers that were
        created from it or mount it, its last tagging or pull where the Engine reports it, the uses among the last 256 events that the Engine
        still shows, and what earlier runs have recorded. An image that was never seen used counts from when it was first seen.
      - What was used between two runs by containers that were removed is known only as far as the last 256 events reach.
        RV(usage_known_since) shows since when every use is known, and a policy that asks for earlier uses warns.
      - If an event names an image by a name that was moved afterwards, and no event shows which image had the name then, the use counts
        for every image that has a name in the same repository, and for every image without a tag. A use that an earlier run has
        recorded is not in doubt.
      - It is never written in check mode. A damaged one causes a warning, and so does a missing one if the policy asks for
        the last use.
    type: path
    default: /var/lib/imagewarden/usage.json
  snapshot:
    description:
      - Plan on a snapshot instead of an Engine, in check mode only. No Engine is connected to, and the SDK is not needed.
      - The path of a file that the role P(imagewarden.docker.image_cleanup#role) wrote, on the host where this task runs, or
        RV(imagewarden.docker.image_usage_info#module:snapshot) itself.
      - The verdicts are those that the host had at that time. Only an Engine can compare images as O(remove.before) and
        O(remove.since) do, which are an error here. No registry is asked, so that O(keep.unrecoverable=verify) keeps every
        image that no other rule keeps.
      - A limit of the file system needs it to be in the snapshot, which is the case if the Engine ran on that host.
      - A file of another version of the format is refused.
    type: raw
  snapshot_time:
    description:
      - The time at which to plan on O(snapshot), such as V(2026-12-24). The default is when it was saved.
    type: str
notes:
  - Check mode and the real run return the same C(failed), C(changed), RV(untagged), RV(deleted), RV(absent), RV(conflicts) and C(diff)
    on the same state of the Engine, on both image stores.
  - With O(target) in a chain of tasks, check mode does not know what the images share once earlier tasks are done, and can list
    more removals than the real run needs. On the graphdriver store it does with O(layers=true) for each task.
  - RV(target) holds what was measured after a real run, and in check mode what is certain, which can be less.
  - The exceptions of M(imagewarden.docker.image_remove) for what no API shows hold here too.
seealso:
  - module: imagewarden.docker.image_remove
  - module: imagewarden.docker.container_remove
  - module: imagewarden.docker.image_usage_info
  - name: Retention of images
    description: Policies for a CI host, a production host, an air-gapped host, a registry mirror and a small disk.
    link: https://github.com/imagewarden/imagewarden.docker/blob/main/docs/docsite/rst/guide_retention.rst
  - name: Audits in check mode
    description: How to read a prediction, and how to chain tasks in check mode.
    link: https://github.com/imagewarden/imagewarden.docker/blob/main/docs/docsite/rst/guide_check_mode_audits.rst
  - name: docker image prune
    description: The command that this module replaces.
    link: https://docs.docker.com/reference/cli/docker/image/prune/
"""

EXAMPLES = r"""
- name: Remove dangling images, but not those that a build is creating right now
  imagewarden.docker.image_prune_policy:
    remove:
      dangling: true
    keep:
      younger_than: 1h

- name: Show what would be removed and why the rest stays (run with --check --diff)
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
    keep:
      newest: 3
    details: all
  register: predicted

- name: Remove what no container uses and what was created more than a week ago
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
    keep:
      younger_than: 168h

- name: Remove the tags of pull requests, and keep three versions of everything else that is not used
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
      patterns: ["ci/*:pr-*"]
    keep:
      newest: 3
      newest_by: version
      patterns: ["registry.example.com/base/*"]
      labels: [keep]
    guard:
      max_images: 50

- name: Keep the last two production tags, and three builds of each branch
  imagewarden.docker.image_prune_policy:
    remove:
      patterns: ["app:*"]
    keep:
      newest:
        - patterns: ["app:prod-*"]
          count: 2
        - patterns: ["^app:(?P<branch>.+)-[0-9]+$"]
          use_regex: true
          count: 3

- name: When less than 10 GB are free, remove the oldest images until 20 GB are, at most 20 images in each run
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
    keep:
      digests: true
      images:
        - image: registry.example.com/shop:1.4
          reason: used on web-3
    target:
      disk_free_below: 10GB
      disk_free_above: 20GB
      images_per_run: 20

- name: Remove unused images, but not those of a Compose project that may be down at the moment
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
    keep:
      compose_files:
        - /srv/shop/compose.yaml

- name: Remove what a pipeline has built for tests and nobody has marked
  imagewarden.docker.image_prune_policy:
    remove:
      all_labels: [ci, stage=test]
      exclude_labels: [keep]

- name: When the disk is more than 85 % full, remove the least recently used images until it is 80 % full
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
    keep:
      unrecoverable: verify
    target:
      disk_used_above: 85
      disk_used_below: 80
      order: least_recently_used

- name: Bring all images down to 20 GB, the largest first
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
    target:
      total_size: 20GB
      order: largest
    layers: true

- name: Show what this policy would have removed from a host last night
  imagewarden.docker.image_prune_policy:
    remove:
      all_unused: true
    keep:
      newest: 2
    snapshot: "{{ usage.snapshot }}"
  check_mode: true

- name: Remove images created before another one
  imagewarden.docker.image_prune_policy:
    remove:
      before: mongo:3.2
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
    - What somebody else removed after planning, in the real run. This is not an error.
    - Otherwise it is empty, because a policy names nothing that could be missing.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: []
unmatched:
  description:
    - Patterns that match nothing on the host, each preceded by its option. Each causes a warning too.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: ["keep.patterns: registry.example.com/bsae/*"]
conflicts:
  description:
    - The removals that the Engine refused because something changed after planning. They do not make the task fail.
    - What the Engine would refuse is not in the plan, and its entry in RV(images) says why.
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
      sample: "conflict: unable to delete 501d3c9ee6b7 (must be forced) - image is being used by stopped container 3f2a1b9c8d7e"
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
      sample: "the conflict came up after planning: run the task again"
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
      sample: kept
    reason:
      description: Why. This names the selector, and what the rule found that keeps it, or each rule that does not.
      type: str
      sample: "remove.all_unused selects it, but by version it is number 2 of app"
    rule:
      description:
        - The selector of what is removed, or the rule that keeps, with its value. Several rules are separated by commas.
        - V(in use) for an image that containers use, V(target) for one that the target did not need, V(none) for one that nothing selects.
      type: str
      sample: "keep.newest: 3"
    size:
      description: Its size in bytes as the Engine lists it, with what it shares with other images.
      type: int
      sample: 41370624
    created:
      description: When it was created. V(null) where the date is missing or that of a reproducible build.
      type: str
      sample: "2026-02-03T04:05:06Z"
    last_used:
      description: When it was last used, as far as the containers, the Engine's last events and O(usage_file) show. V(null) if nothing is
        known of a use, or if it is in use.
      returned: if the policy asks for the last use
      type: str
      sample: "2026-03-02T21:15:00Z"
    containers:
      description: The containers created from it and those that mount it, each with C(name), C(id) (short) and C(state).
      type: list
      elements: dict
      sample: [{name: web, id: 3f2a1b9c8d7e, state: running}]
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
target:
  description: What became of O(target). V(null) without one.
  returned: always, unless the task failed before planning
  type: dict
  contains:
    met:
      description:
        - Whether the target is met. After a real run it is measured, and in check mode it is predicted.
      type: bool
      sample: true
    text:
      description: The same as a sentence, with the limits that are missed.
      type: str
      sample: the target is met
    needed:
      description: The bytes that had to be freed. V(null) when every candidate had to be removed.
      type: int
      sample: 1073741824
    freed:
      description: The bytes that the plan frees at least, whatever else holds layers.
      type: int
      sample: 1234803098
    expected:
      description: The bytes that the plan most likely frees.
      type: int
      sample: 1234803098
    left:
      description: The number of images that O(target.images_per_run) leaves for the next run.
      type: int
      sample: 0
    rest:
      description:
        - The bytes that are left to the build cache, where O(imagewarden.docker.cleanup_chain#module:target) is shared with it. V(null) when
          everything that can be removed had to be, and where the target is not shared.
      type: int
      sample: 52428800
    total_size:
      description: C(limit), C(before) and C(after) in bytes. V(null) without O(target.total_size).
      type: dict
      sample: {limit: 20000000000, before: 21073741824, after: 19838938726}
    disk:
      description:
        - The limits C(above) and C(below) in percent, C(free_below) and C(free_above) in bytes, the C(path) that was measured and the
          C(reason) why, and C(before) and C(after) with C(percent), C(inodes_percent) and the bytes that are C(free).
        - V(null) if no limit asks for the file system.
      type: dict
      sample:
        above: 85.0
        below: 80.0
        free_below: null
        free_above: null
        path: /var/lib/docker
        reason: the data root of the Engine (DockerRootDir)
        before: {percent: 91.2, inodes_percent: 20.0, free: 8800000000}
        after: {percent: 79.8, inodes_percent: 17.1, free: 20200000000}
kept_by_list:
  description: What selectors of O(remove) match and O(keep.images) keeps. Images are listed by their references.
  returned: always, unless the task failed before planning
  type: list
  elements: dict
  contains:
    target:
      description: The reference, or the ID of an image without one.
      type: str
      sample: registry.example.com/shop:1.4
    reason:
      description: Why it is kept, as the list says.
      type: str
      sample: used on web-3
  sample: [{target: "registry.example.com/shop:1.4", reason: used on web-3}]
guard:
  description: Which rule of O(guard) refused the plan. V(null) if none did.
  returned: always, unless the task failed before planning
  type: dict
  contains:
    rule:
      description: The rule.
      type: str
      sample: guard.max_images
    limit:
      description: What it allows.
      type: float
      sample: 50
    found:
      description: What the plan would do.
      type: float
      sample: 73
    text:
      description: The same as a sentence.
      type: str
      sample: 73 images would be deleted, but guard.max_images is 50
    largest:
      description: The ten largest images of the plan, each with C(id), C(references) and C(size).
      type: list
      elements: dict
      sample:
        - id: sha256:501d3c9ee6b7aa51c4a03f9a3b2a3eac5ec9b1b2aa6d0a5e8a9a3b8a0c1d2e3f
          references: ["redis:7", "redis:alpine"]
          size: 41370624
snapshot:
  description: When O(snapshot) was C(taken), and the time that the policy was C(planned_at).
  returned: with O(snapshot)
  type: dict
  sample: {taken: "2026-03-14T09:26:53Z", planned_at: "2026-03-14T09:26:53Z"}
younger_than:
  description:
    - How O(keep.younger_than) was read, as C(limit), C(time), and C(local_time), which shows whether the time zone is that of
      the managed host. V(null) without that rule.
  returned: always, unless the task failed before planning
  type: dict
  sample: {limit: "2020-07-07", time: "2020-07-06T22:00:00Z", local_time: true}
usage_known_since:
  description:
    - Since when every use of an image is known, by O(usage_file) and the Engine's last 256 events. V(null) if the policy does not
      ask for the last use.
  returned: always, unless the task failed before planning
  type: str
  sample: "2026-03-14T09:26:53Z"
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._module import (
    clear_failures,
    earlier_results,
    finish,
    open_engine,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.options import OPTIONS
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.stage import Stage


def main() -> None:
    """Read the options before the Engine, run the stage and leave with its result."""
    module = AnsibleModule(argument_spec=merge(CONNECTION, OPTIONS), supports_check_mode=True)
    with clear_failures(module):
        stage = Stage.parse(module.params)
        if stage.saved is not None:
            finish(module, stage.plan_on(stage.saved, module.check_mode, earlier_results(module)))
        stage = stage.ready()
        engine = open_engine(module)
        finish(module, stage.run(engine, None, time.time(), module.check_mode, earlier_results(module)))


if __name__ == "__main__":
    main()
