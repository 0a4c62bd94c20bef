#!/usr/bin/python
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work, on the controller; this is its documentation.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cleanup_begin
short_description: Check what a playbook of this collection was asked for
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - The first task of the playbooks C(cleanup) and C(audit). It runs on the controller and touches no host.
  - It finds which hosts must be read first, because others keep what they use.
  - It refuses a target without hosts, variables and tags that do not exist, and a directory for reports that cannot be written to.
    It removes the report of an earlier run.
extends_documentation_fragment:
  - imagewarden.docker.attributes.action
  - imagewarden.docker.attributes.no_diff
options:
  target:
    description: The pattern of hosts that was asked for.
    type: str
    required: true
  hosts:
    description: The hosts that match it.
    type: list
    elements: str
    required: true
  serial:
    description: Hosts at a time. A number, a percentage, or a list of them.
    type: raw
    required: true
  max_fail_percentage:
    description: The share of hosts that may fail.
    type: float
    required: true
  throttle:
    description: The most hosts that one task runs on at a time.
    type: int
    required: true
  fail_on:
    description: What makes the playbook end with an error.
    type: str
    choices: [failures, changes]
    default: failures
  report_dir:
    description: A directory on the controller. Empty for none.
    type: str
    required: true
seealso:
  - module: imagewarden.docker.cleanup_chain
"""

EXAMPLES = r"""
- name: Check what was asked for
  imagewarden.docker.cleanup_begin:
    target: ci
    hosts: "{{ query('ansible.builtin.inventory_hostnames', 'ci') }}"
    serial: 100%
    max_fail_percentage: 100
    throttle: 0
    report_dir: ""
"""

RETURN = r"""
msg:
  description: How many hosts match, or what is wrong.
  returned: always
  type: str
  sample: 12 hosts
read:
  description: The hosts of C(image_cleanup_keep_used_on), which are to be read before a host is cleaned up.
  returned: success
  type: list
  elements: str
  sample: [web-1, web-2]
"""
