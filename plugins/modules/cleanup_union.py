#!/usr/bin/python
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work, on the controller; this is its documentation.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cleanup_union
short_description: Bring together what the hosts of a play use
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - The second of the tasks C(read_use) of the role P(imagewarden.docker.image_cleanup#role). Use these instead of this.
  - It runs on the controller, once for all hosts of the play, and combines what M(imagewarden.docker.cleanup_use) has read.
extends_documentation_fragment:
  - imagewarden.docker.attributes.action
  - imagewarden.docker.attributes.no_diff
seealso:
  - module: imagewarden.docker.cleanup_use
  - module: imagewarden.docker.cleanup_host
"""

EXAMPLES = r"""
- name: Bring together what the hosts use
  imagewarden.docker.cleanup_union:
  register: image_cleanup__union
  run_once: true
"""

RETURN = r"""
union:
  description: What the hosts use, for M(imagewarden.docker.cleanup_host).
  returned: always
  type: str
  sample: '[["web-1"],{},[["web-1",0,""]],[[[0],["501d3c9ee6b7bf1d","shop:1.5"]]]]'
msg:
  description: How many hosts were read.
  returned: always
  type: str
  sample: 12 hosts were read
"""
