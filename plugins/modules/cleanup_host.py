#!/usr/bin/python
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work, on the controller; this is its documentation.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cleanup_host
short_description: Run the stages of the role image_cleanup on a host
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - The task of the role P(imagewarden.docker.image_cleanup#role) that does the work. Use the role instead of this.
  - It reads the variables of the role, reports mistakes in them before anything is sent to a host, and runs
    M(imagewarden.docker.cleanup_chain) for each Engine of the host.
  - The options are those of the connection. They are set by C(module_defaults) for the group C(imagewarden.docker.docker), and
    the variable C(image_cleanup_docker) overrides them.
  - It does not fail. RV(summary) says what failed.
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes.action
attributes:
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
seealso:
  - module: imagewarden.docker.cleanup_chain
"""

EXAMPLES = r"""
- name: Clean up by the variables of the role
  imagewarden.docker.cleanup_host:
  register: ran

- name: Fail if an Engine could not be cleaned up
  ansible.builtin.assert:
    that: not ran.summary.failed
    fail_msg: "{{ ran.message }}"
"""

RETURN = r"""
summary:
  description: What the role keeps as the fact C(image_cleanup_summary).
  returned: always
  type: dict
  sample: {status: changed, failed: false, changed: true, images_deleted: 4}
message:
  description: Why it failed, cut for a terminal. Empty if it did not fail.
  returned: always
  type: str
  sample: ""
"""
