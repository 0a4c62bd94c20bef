#!/usr/bin/python

# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: container_remove
short_description: Remove Docker containers by name, pattern, image, label, state or age
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - Removes containers from a Docker Engine, as C(docker rm) and C(docker container prune) do, with a check mode that
    predicts exactly which ones. Containers hold the images that they were created from, so this comes before removing images.
  - A running container is stopped and removed only when O(states) names its state.
  - Every container is addressed by its whole ID and inspected again right before it is touched. One that was started,
    renamed or run again meanwhile is skipped and reported.
  - Several containers are stopped and removed at a time. One that cannot be removed does not stop the others; the task
    then fails at the end, and the result lists what was done.
  - When the answer to a request is lost, broken or an error, the Engine is asked what happened, and the result reports that.
    When the Engine itself does not answer, for example because it is restarted, the task waits up to 60 seconds for it,
    looks at each container again, and continues.
  - A missing container is not an error.
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes
options:
  names:
    description:
      - Containers by name, by long ID, or by short ID of any length. They are found as the Engine finds them, a name first.
      - A short ID that several containers have is an error that lists them.
      - When no container has a name such as V(db) or V(cafe), which could be the beginning of an ID, the container whose ID
        begins so is found. This causes a warning.
      - Quote what looks like a number. YAML reads V(1.10) as V(1.1), so that a number is an error.
      - A container that is named here, and that is kept because O(states) does not include its state, is a conflict; see O(on_conflict).
    type: list
    elements: raw
    aliases: [name]
  patterns:
    description:
      - Select every container whose name matches one of these globs, such as V(ci-*), in addition to O(names).
      - With O(use_regex=true) they are Python regular expressions, searched in the name.
    type: list
    elements: str
  use_regex:
    description:
      - Read O(patterns) and O(excludes) as Python regular expressions instead of globs.
      - An expression that takes more than a second of processor time for one string fails the task before anything is removed.
    type: bool
    default: false
  excludes:
    description:
      - Containers whose names match one of these are never removed, whatever else selects them.
      - One that matches no container of the host protects nothing, and causes a warning.
    type: list
    elements: str
    default: []
  images:
    description:
      - Select the containers of these images or of their descendants, as the Engine's filter C(ancestor) does.
      - Every form that C(docker rmi) takes is accepted, and an ID also when the image itself was removed. A name without a
        tag and a digest means the tag V(latest).
      - An entry with C(*), C(?) or C([) is a glob over references, such as V(ci/*:pr-*).
    type: list
    elements: str
  labels:
    description:
      - Select the containers that have all of these labels. Each is C(key) or C(key=value).
    type: list
    elements: str
    aliases: [all_labels]
  exclude_labels:
    description:
      - Containers that have any of these labels are never removed, whatever else selects them. Each is C(key) or C(key=value).
      - One that no container of the host has protects nothing, and causes a warning.
    type: list
    elements: str
    default: []
  states:
    description:
      - Only containers in one of these states are removed. V(any) is short for all of them.
      - If it is not set, these are V(created), V(exited) and V(dead).
      - A container that is V(running), V(paused) or V(restarting) is stopped first. A paused one gets its signal, and is
        then resumed by the Engine to act on it.
    type: list
    elements: str
    choices: [any, created, running, paused, restarting, removing, exited, dead]
  on_conflict:
    description:
      - What to do when O(names) names a container that is kept because of its state, such as a running one.
    type: str
    choices:
      fail: Remove nothing, and fail with the remedy for each of these containers.
      skip: Keep these containers, list them in RV(conflicts), and remove the rest.
    default: fail
  older_than:
    description:
      - Only containers are removed that finished before this, or that were created before this if they run or never ran.
      - A duration such as V(24h) or V(7d), or a timestamp such as V(2020-07-07T00:00:00Z).
      - This costs one request for each container that is selected, is not running, and was created before this.
      - A container that the Engine cannot inspect is kept, because when it finished is not known.
    type: str
  stop_timeout:
    description:
      - Seconds that a container has to stop after its stop signal, before the Engine kills it. V(0) kills it at once.
      - If it is not set, the container's own configuration decides, or else the Engine's default, which is 10 seconds unless
        the daemon's C(default-stop-timeout) says otherwise. The task waits for a container as long as it may take.
    type: int
  kill:
    description:
      - Kill running containers instead of stopping them, as C(docker rm --force) does.
    type: bool
    default: false
  kill_signal:
    description:
      - With O(kill=true), send this signal first, such as V(SIGINT), V(HUP) or V(15). A container that still runs after
        O(stop_timeout), or after the time that its own configuration says, or after 10 seconds, is killed by its removal.
    type: str
  volumes:
    description:
      - Remove the anonymous volumes of the containers too. Named volumes are never removed.
      - The Engine itself does so for containers that were started with C(--rm), whatever this says.
    type: bool
    default: false
  commit_to:
    description:
      - A repository. Before it is stopped and removed, each container is committed to C(REPOSITORY/NAME:TIMESTAMP), where
        C(NAME) is the container's name in lower case and C(TIMESTAMP) the time of the task in UTC, such as V(20260314T092653Z).
      - A container that could not be committed is not removed. One that is dead is skipped, because the Engine commits none.
    type: str
  orchestrated:
    description:
      - Remove the containers of an orchestrator too. Docker Swarm, Kubernetes, Nomad and Amazon ECS are known by the labels
        of their containers.
      - Otherwise they are kept, because their orchestrator would only start them again.
    type: bool
    default: false
  parallel:
    description:
      - How many containers are committed, stopped and removed at a time. The default is the Docker CLI's. V(1) removes one
        after the other.
      - Over SSH, the task uses no more than 8 connections at a time.
    type: int
    default: 50
  sizes:
    description:
      - Also return the size of each container's writable layer, and in RV(space_reclaimed) what removing them frees.
      - The Engine measures every container of the host for this, which can take minutes.
    type: bool
    default: false
  after:
    description:
      - Results of earlier tasks of the same play, registered from modules of this collection. Of a task with a loop, the
        results of all its rounds count.
      - In check mode they are applied to the snapshot before planning, so that a chain of tasks is predicted as a chain.
        A real run finds their effects on the Engine, and ignores this option.
    type: list
    elements: dict
    default: []
  details:
    description:
      - Which containers RV(containers) in the result lists.
    type: str
    choices:
      changes: Those that the task selects, each with what became of it.
      all: Every container of the host.
    default: changes
notes:
  - What O(names) and O(patterns) select is combined. Of these, only those are removed that match O(images), O(labels), O(states)
    and O(older_than) too, as far as these are given. At least one of the six is required.
seealso:
  - module: imagewarden.docker.image_remove
  - module: imagewarden.docker.image_prune_policy
  - name: docker container rm
    description: The command that this module replaces.
    link: https://docs.docker.com/reference/cli/docker/container/rm/
"""

EXAMPLES = r"""
- name: Remove two containers, but leave running ones alone
  imagewarden.docker.container_remove:
    names: [batch, report]
    on_conflict: skip

- name: Remove what is not running, except what a label protects, and report the bytes
  imagewarden.docker.container_remove:
    states: [created, exited, dead]
    exclude_labels: [com.example.keep, stage=production]
    sizes: true

- name: Remove every container that is not running, as docker container prune does
  imagewarden.docker.container_remove:
    states: [created, exited, dead]

- name: Remove what finished more than a week ago, but never the databases
  imagewarden.docker.container_remove:
    older_than: 7d
    excludes: ["db-*"]

- name: Stop and remove two containers, whatever they are doing
  imagewarden.docker.container_remove:
    names: [web, worker]
    states: [any]
    stop_timeout: 30

- name: Ask a service to end in its own way, and kill it after 20 seconds
  imagewarden.docker.container_remove:
    name: service
    states: [any]
    kill: true
    kill_signal: SIGINT
    stop_timeout: 20

- name: Free an image of its containers, and then remove it
  imagewarden.docker.container_remove:
    images: [redis:alpine]
    states: [created, running, exited]
  register: containers

- name: Remove the image too (in check mode this knows that the containers would be removed)
  imagewarden.docker.image_remove:
    names: [redis:alpine]
    after: ["{{ containers }}"]

- name: Remove the containers of a pipeline at once, with their anonymous volumes
  imagewarden.docker.container_remove:
    labels: [ci.pipeline]
    states: [any]
    kill: true
    volumes: true

- name: Keep a copy of a container before it is removed
  imagewarden.docker.container_remove:
    name: legacy-app
    commit_to: attic
"""

RETURN = r"""
removed:
  description: The names of the containers that were removed, in order.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: [web, worker]
stopped:
  description: The names of the running, paused or restarting containers that were stopped first, in order. None with O(kill=true).
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: [web]
committed:
  description: The images that containers were committed to, in order.
  returned: always, unless the task failed before planning
  type: list
  elements: dict
  contains:
    container:
      description: The name of the container.
      type: str
      sample: legacy-app
    container_id:
      description: The ID of the container.
      type: str
      sample: 4c01db0b339c59d1b6f09a2f3ff4fd8b0d3a6ad5a4e0b2f7cb1e4b8f3c0a1d2e
    reference:
      description: The reference of the image. Its tag is the time of the task.
      type: str
      sample: attic/legacy-app:20260314T092653Z
    image_id:
      description: The ID of the image. V(null) in check mode, where no ID can be known.
      type: str
      sample: sha256:501d3c9ee6b7bf1d57f1a1ae4ab39e84a9e5a9b83dd5d44bb7d5a4ea42f94b44
    parent_id:
      description: The ID of the image that the container was created from.
      type: str
      sample: sha256:e07ee1baac5fae6a26f30cabfe54a36d3402f96afda318fe0a96cec4ca393359
    created:
      description: The time of the task.
      type: str
      sample: "2026-03-14T09:26:53Z"
absent:
  description: What O(names) and O(images) name and what does not exist, in order.
  returned: always, unless the task failed before planning
  type: list
  elements: str
  sample: [worker-old]
conflicts:
  description: The containers that O(names) names and that are kept because of their state, by name.
  returned: always, unless the task failed before planning
  type: list
  elements: dict
  contains:
    target:
      description: The name or ID as it was given.
      type: str
      sample: web
    reason:
      description: Why it is kept.
      type: str
      sample: it is running, which states does not include
    container:
      description: The container, with C(name), C(id) (12 digits) and C(state).
      type: dict
      sample: {name: web, id: 4c01db0b339c, state: running}
    forceable:
      description: Always V(false). It is there because the conflicts of M(imagewarden.docker.image_remove) have it.
      type: bool
      sample: false
    remedy:
      description: What can be done about it.
      type: str
      sample: "set states: [any] or add running to states (it is stopped first), or remove it from names"
containers:
  description: The containers that the task selects, by name, each with what became of it and why; with O(details=all) every container of the host.
  returned: always, unless the task failed before planning
  type: list
  elements: dict
  contains:
    id:
      description: The whole ID.
      type: str
      sample: 4c01db0b339c59d1b6f09a2f3ff4fd8b0d3a6ad5a4e0b2f7cb1e4b8f3c0a1d2e
    name:
      description: The name.
      type: str
      sample: web
    image:
      description: The image as the Engine prints it. This is an ID when the reference that the container was created from has moved on.
      type: str
      sample: redis:alpine
    image_id:
      description: The ID of the image that the container was created from.
      type: str
      sample: sha256:e07ee1baac5fae6a26f30cabfe54a36d3402f96afda318fe0a96cec4ca393359
    state:
      description: The state before the task.
      type: str
      sample: exited
    size:
      description: The bytes of its writable layer. V(null) without O(sizes=true), or if the Engine does not report it.
      type: int
      sample: 1204
    action:
      description:
        - V(removed), V(kept) because an option keeps it or nothing selects it, or V(skipped) because of a conflict or because
          it could not be removed.
      type: str
      choices: [removed, kept, skipped]
      sample: removed
    reason:
      description: Why.
      type: str
      sample: "names: web selects it"
    rule:
      description: The option that decided.
      type: str
      sample: "names: web"
space_reclaimed:
  description:
    - The bytes of the writable layers of the containers that were removed. V(null) without O(sizes=true).
    - Volumes and log files are not counted.
  returned: always, unless the task failed before planning
  type: int
  sample: 1204
space_exact:
  description: V(false) with O(sizes=true) if a container was running, or if the Engine does not report its size.
  returned: always, unless the task failed before planning
  type: bool
  sample: true
engine:
  description: Which Engine answered, with C(version), C(api_version), C(store), C(driver) and C(host).
  returned: always, unless the task failed before planning
  type: dict
  sample: {version: 28.5.2, api_version: "1.51", store: graphdriver, driver: overlay2, host: build-1}
summary:
  description: One line for a person.
  returned: always, unless the task failed before planning
  type: str
  sample: 2 containers removed, 1 stopped, 5 kept
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION, merge
from ansible_collections.imagewarden.docker.plugins.module_utils._container.options import OPTIONS
from ansible_collections.imagewarden.docker.plugins.module_utils._container.stage import Stage
from ansible_collections.imagewarden.docker.plugins.module_utils._module import run_stage


def main() -> None:
    """Run the stage that the options ask for."""
    run_stage(AnsibleModule(argument_spec=merge(CONNECTION, OPTIONS), supports_check_mode=True), Stage)


if __name__ == "__main__":
    main()
