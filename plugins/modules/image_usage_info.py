#!/usr/bin/python

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: image_usage_info
short_description: Report the space that Docker images take up, and who uses them
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - Lists every image of a Docker Engine with its references, sizes, age and containers, the totals that C(docker system df)
    prints, and the file system that holds the Engine's data.
  - Warns about what matters for a cleanup, such as a storage driver that does not give space back to the host.
  - This module changes nothing. It sends one request for each image and container, several at a time, and with
    O(inspect=false) or O(in_use=true) a constant number.
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes.info
options:
  totals:
    description:
      - Ask the Engine for its disk usage, from which RV(totals) and shared sizes are taken.
      - On a host with large volumes this can take minutes, because the Engine adds up every file in them. Set this to V(false),
        or raise O(timeout).
    type: bool
    default: true
  inspect:
    description:
      - Inspect every image and every container too, to find when images were last tagged, and when containers started and
        finished. This costs one request for each of them, several at a time, and one for the events that the Engine still shows.
      - Without it RV(images[].last_tagged) is V(null), and of a container that does not run only its creation counts as a use.
    type: bool
    default: true
  in_use:
    description:
      - Return in RV(images) only those that containers use, with two requests. RV(totals) is V(null) then, because nothing
        else is requested, whatever O(totals) and O(inspect) are.
      - An image that was removed under its container is there too, with the name that the container was created by. So is what a
        container mounts by a name that no image has any more, with this name and an empty ID.
      - With it a play finds what one host needs and another one must keep, at a size that does not grow with the number of
        images.
    type: bool
    default: false
  services:
    description:
      - On a manager of a Docker Swarm, also return in RV(services) which images its services run, now and after a rollback.
        This costs one request.
      - On any other Engine, this causes a warning.
    type: bool
    default: false
  build_cache:
    description:
      - Return the records of the build cache in RV(build_cache), too.
    type: bool
    default: false
  snapshot:
    description:
      - Return in RV(snapshot) everything that a policy judges the host by, so that a policy can be tried without the host.
      - It holds names, labels of images, sizes and times, and neither environments nor labels of containers.
      - This costs two requests for each image, and one for each container.
    type: bool
    default: false
  usage_file:
    description:
      - The usage record that M(imagewarden.docker.image_prune_policy) keeps on the managed host. Uses that it knows of count for
        RV(images[].last_used), also when their containers were removed. It is only read, and need not exist.
    type: path
    default: /var/lib/imagewarden/usage.json
seealso:
  - module: imagewarden.docker.build_cache_prune
  - module: imagewarden.docker.image_remove
  - module: imagewarden.docker.image_prune_policy
  - module: imagewarden.docker.container_remove
  - name: docker system df
    description: The command whose totals this module returns.
    link: https://docs.docker.com/reference/cli/docker/system/df/
"""

EXAMPLES = r"""
- name: Show how much space images take up
  imagewarden.docker.image_usage_info:
  register: usage

- name: Show the usage in one line
  ansible.builtin.debug:
    var: usage.summary

- name: Show the totals, as docker system df does
  ansible.builtin.debug:
    var: usage.totals

- name: Show the five largest images that no container uses
  ansible.builtin.debug:
    msg: "{{ (usage.images | rejectattr('containers') | map(attribute='references') | list)[:5] }}"

- name: Only list images and the containers that use them, on a host that has thousands of them
  imagewarden.docker.image_usage_info:
    inspect: false
    totals: false
  register: usage

- name: Find what containers use here, so that other hosts keep it
  imagewarden.docker.image_usage_info:
    in_use: true
  register: usage

- name: Find what a Swarm runs or may go back to, on one of its managers
  imagewarden.docker.image_usage_info:
    in_use: true
    services: true
  register: usage

- name: Show the references that are in use
  ansible.builtin.debug:
    msg: "{{ usage.images | map(attribute='references') | flatten }}"
"""

RETURN = r"""
images:
  description: Every image, intermediate ones too, the largest first. With O(in_use=true) only those that containers use.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The image's ID.
      type: str
      sample: sha256:501d3c9ee6b7bf1d57f1a1ae4ab39e84a9e5a9b83dd5d44bb7d5a4ea42f94b44
    references:
      description: Its tags and digest references, in the Engine's order.
      type: list
      elements: str
      sample: [redis:7, redis:alpine]
    digests:
      description:
        - The digests that the Engine shows for it. The containerd store shows one for every name, also for an image that was
          never pushed or pulled.
      type: list
      elements: str
      sample: ["redis@sha256:e07ee1baac5fae6a26f30cabfe54a36d3402f96afda318fe0a96cec4ca393359"]
    size:
      description: The bytes of all its layers.
      type: int
      sample: 41370624
    own_size:
      description: The bytes that it shares with no other image. V(null) when the Engine does not report it.
      type: int
      sample: 33554432
    shared_size:
      description: The bytes that it shares with other images. V(null) when the Engine does not report it.
      type: int
      sample: 7816192
    created:
      description: When it was built. V(null) when its date is that of a reproducible build, which says nothing.
      type: str
      sample: "2026-03-14T09:26:53Z"
    last_tagged:
      description: When it was last tagged on this host, or on the containerd store also pulled. V(null) with O(inspect=false).
      type: str
      sample: "2026-03-14T09:26:53Z"
    last_used:
      description:
        - The time of the task if a running container uses it. Otherwise the newest of the creation of its containers, of what
          O(usage_file) knows, and unless O(inspect=false) of their start and finish, of RV(images[].last_tagged), and of the uses
          among the last 256 events that the Engine still shows.
        - V(null) when nothing is known of a use.
      type: str
      sample: "2026-03-14T09:26:53Z"
    last_used_by:
      description:
        - How RV(images[].last_used) is known. V(container) is a container that exists. V(event) is one of the last 256 events, which the
          Engine still shows, of a container that was removed. V(record) is O(usage_file). V(tag) is RV(images[].last_tagged).
        - An event whose name was moved afterwards counts for every image that it may have named, as in
          O(imagewarden.docker.image_prune_policy#module:usage_file).
        - V(null) when nothing is known of a use.
      type: str
      sample: container
    containers:
      description: The containers that were created from it or mount it, running ones first, then by name, each with C(name), C(id) and C(state).
      type: list
      elements: dict
      sample: [{name: cache, id: 4c01db0b339c, state: running}]
    dangling:
      description: Whether C(docker images --filter dangling=true) shows it.
      type: bool
      sample: false
    intermediate:
      description: Whether it has no name and another image was built on it. C(docker images) shows it with C(--all) only.
      type: bool
      sample: false
services:
  description: The services of the Swarm, by name. Empty on an Engine that is not a manager.
  returned: success, with O(services=true)
  type: list
  elements: dict
  contains:
    name:
      description: The service's name.
      type: str
      sample: web
    mode:
      description: V(replicated), V(global), V(replicatedjob) or V(globaljob).
      type: str
      sample: replicated
    replicas:
      description: How many tasks of a replicated service are wanted. V(0) is a service that was scaled down. V(null) in other modes.
      type: int
      sample: 2
    image:
      description: The image of its tasks, as the service has it. This is often a tag with a digest.
      type: str
      sample: "registry.example.com/shop:1.5@sha256:e07ee1baac5fae6a26f30cabfe54a36d3402f96afda318fe0a96cec4ca393359"
    previous_image:
      description: The image that C(docker service rollback) goes back to. V(null) when there is none.
      type: str
      sample: registry.example.com/shop:1.4
totals:
  description:
    - The lines of C(docker system df), which are C(images), C(containers), C(volumes) and C(build_cache).
    - V(null) with O(totals=false) or O(in_use=true), and when the Engine does not report it.
  returned: success
  type: dict
  contains:
    images:
      description: Images without intermediate ones. The other three lines have the same keys.
      type: dict
      contains:
        count:
          description: How many there are.
          type: int
          sample: 42
        active:
          description: How many are in use.
          type: int
          sample: 7
        size:
          description: Bytes.
          type: int
          sample: 9663676416
        reclaimable:
          description: Bytes that are not in use.
          type: int
          sample: 6442450944
    containers:
      description: Containers, and the bytes of their writable layers.
      type: dict
      sample: {count: 9, active: 5, size: 1048576, reclaimable: 4096}
    volumes:
      description: Volumes whose size the Engine reports.
      type: dict
      sample: {count: 3, active: 2, size: 536870912, reclaimable: 0}
    build_cache:
      description: BuildKit's cache, without what it shares with images.
      type: dict
      sample: {count: 0, active: 0, size: 0, reclaimable: 0}
  sample:
    images: {count: 42, active: 7, size: 9663676416, reclaimable: 6442450944}
    containers: {count: 9, active: 5, size: 1048576, reclaimable: 4096}
    volumes: {count: 3, active: 2, size: 536870912, reclaimable: 0}
    build_cache: {count: 0, active: 0, size: 0, reclaimable: 0}
build_cache:
  description:
    - The records of the Engine's build cache, the largest first, with the keys of RV(imagewarden.docker.build_cache_prune#module:records)
      that are not about what becomes of them.
  returned: success, with O(build_cache=true)
  type: list
  elements: dict
  sample:
    - id: kabii3fs09ohxjy8fcwv2glh2
      type: regular
      description: "[stage-0 2/4] COPY package.json /app/"
      size: 36995
      shared: false
      in_use: false
      parents: [v74wb5llqgl2v8b5t3l8ld8wz]
      created: "2026-03-14T09:26:53Z"
      last_used: "2026-03-15T18:02:11Z"
      usage_count: 3
usage_known_since:
  description:
    - Since when every use of an image is known, by O(usage_file) and the Engine's last 256 events. What was used before that by
      containers that were removed may be missing in RV(images[].last_used).
    - V(null) with O(inspect=false) or O(in_use=true) when O(usage_file) does not know it either.
  returned: success
  type: str
  sample: "2026-03-14T09:26:53Z"
file_system:
  description:
    - The file system that holds the Engine's images, as C(df) counts it. C(percent) is how full it is.
    - C(reason) is why this path was measured, and C(doubt) why it may be the wrong one, empty where there is none. With the
      containerd image store, no answer of the Engine shows where containerd keeps its data.
    - V(null) when the Engine is not on the machine where the module runs.
  returned: success
  type: dict
  sample:
    path: /var/lib/docker
    total: 107374182400
    used: 91268055040
    free: 16106127360
    percent: 85.0
    inodes: 6553600
    inodes_used: 1310720
    inodes_free: 5242880
    inodes_percent: 20.0
    reason: the data root of the Engine (DockerRootDir)
    doubt: ""
notices:
  description:
    - What matters for a cleanup. The same strings are shown as warnings of the task, except that the build cache has the most to
      reclaim, and that containers of C(docker buildx) are builders with a build cache of their own.
  returned: success
  type: list
  elements: str
  sample:
    - "devicemapper keeps the Engine's data in the loop file /var/lib/docker/devicemapper/devicemapper/data: removing images
      gives space back to the Engine, and not to the host's file system"
check_mode:
  description: Whether the task ran in check mode. Its play or a block can say so too, which C(ansible_check_mode) does not show.
  returned: success
  type: bool
  sample: false
engine:
  description: Which Engine answered, with C(version), C(api_version), C(store), C(driver) and C(host).
  returned: success
  type: dict
  sample: {version: 28.5.2, api_version: "1.51", store: graphdriver, driver: overlay2, host: build-1}
snapshot:
  description:
    - What was read of the host, as the option O(imagewarden.docker.image_prune_policy#module:snapshot) takes it.
    - C(playbooks/snapshot.schema.json) in the collection describes it.
  returned: with O(snapshot=true)
  type: dict
  sample: {schema: imagewarden.docker/snapshot, schema_version: 1, taken: "2026-03-14T09:26:53Z"}
summary:
  description: One line for a person.
  returned: success
  type: str
  sample: 42 images (5 dangling), 9 containers, 9.66 GB of images, 6.44 GB reclaimable, /var/lib/docker 85% full
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._engine.disk import read_file_system
from ansible_collections.imagewarden.docker.plugins.module_utils._module import clear_failures, finish, open_engine
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.measure import Place, save
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.usage_record import read_if_there
from ansible_collections.imagewarden.docker.plugins.module_utils._stage import Report
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.read import read_moments, read_usage
from ansible_collections.imagewarden.docker.plugins.module_utils._usage.usage import (
    NO_MANAGER,
    Moments,
    builder_notices,
    cache_notices,
    notices,
    records_report,
    services_report,
    usage_report,
)

OPTIONS = {
    "totals": {"type": "bool", "default": True},
    "inspect": {"type": "bool", "default": True},
    "in_use": {"type": "bool", "default": False},
    "services": {"type": "bool", "default": False},
    "build_cache": {"type": "bool", "default": False},
    "snapshot": {"type": "bool", "default": False},
    "usage_file": {"type": "path", "default": "/var/lib/imagewarden/usage.json"},
}


def main() -> None:
    """Wire what is read to the report."""
    module = AnsibleModule(argument_spec=merge(CONNECTION, OPTIONS), supports_check_mode=True)
    with clear_failures(module):
        engine, in_use = open_engine(module), module.params["in_use"]
        totals, inspect = (module.params[option] and not in_use for option in ("totals", "inspect"))
        snapshot, disk_usage = read_usage(engine, totals)
        now = time.time()
        record, trouble = read_if_there(module.params["usage_file"], engine.facts.id)
        moments, unread = read_moments(engine, snapshot, record.watched, now) if inspect else (Moments(), None)
        file_system = read_file_system(module.params["docker_host"], engine.facts)
        told = notices(snapshot, file_system, engine_told=disk_usage is not None or not totals)
        told += [text for text in (trouble, unread) if text]
        usage = usage_report(snapshot, disk_usage, moments, file_system, record, now, in_use)
        if module.params["services"]:
            services = engine.services()
            usage["services"] = services_report(services)
            told += [NO_MANAGER] if services is None else []
        if module.params["build_cache"]:
            usage["build_cache"] = records_report(engine.build_cache())
        if module.params["snapshot"]:
            place = Place(module.params["docker_host"], module.params["usage_file"])
            usage["snapshot"] = save(engine, (), place, time.time()).document()
        hints = told + cache_notices(disk_usage) + builder_notices(snapshot)
        finish(module, Report({**usage, "notices": hints, "check_mode": module.check_mode}, told))


if __name__ == "__main__":
    main()
