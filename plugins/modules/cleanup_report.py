#!/usr/bin/python
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work, on the controller; this is its documentation.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cleanup_report
short_description: Write the report of a fleet, and print it as a table
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - The last task of the playbooks C(cleanup) and C(audit). It runs on the controller.
  - It combines the facts C(image_cleanup_summary) of all hosts of the play, writes C(report.json), C(report.html),
    C(report.md), C(report.csv) and C(metrics.prom), and prints a table.
extends_documentation_fragment:
  - imagewarden.docker.attributes.action
  - imagewarden.docker.attributes.no_diff
options:
  mode:
    description: What the play was for.
    type: str
    choices: [cleanup, audit]
    required: true
  max_fail_percentage:
    description: The play ends when more hosts of a batch failed than this.
    type: float
    required: true
  fail_on:
    description:
      - Whether this task fails when a host changed, or would change, after the last batch.
      - A host that failed, such as one whose guard refused the policy, makes the playbook end with an error in either case.
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
- name: Report on the fleet
  imagewarden.docker.cleanup_report:
    mode: cleanup
    max_fail_percentage: 100
    report_dir: /var/tmp/reports
  run_once: true
"""

RETURN = r"""
lines:
  description: The table.
  returned: success
  type: list
  elements: str
  sample: ["host   status   containers", "web-1  changed           2"]
total:
  description: The numbers of the whole fleet, as C(report.json) has them.
  returned: success
  type: dict
  sample: {hosts: 12, changed: 3, images_deleted: 40}
"""
