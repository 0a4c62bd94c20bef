#!/usr/bin/python
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work, on the controller; this is its documentation.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cleanup_use
short_description: Read what the containers and services of a host use
version_added: 1.0.0
author:
  - imagewarden contributors (@imagewarden)
description:
  - The first of the tasks C(read_use) of the role P(imagewarden.docker.image_cleanup#role). Use these instead of this.
  - It runs M(imagewarden.docker.image_usage_info) for each Engine of the variable C(image_cleanup_docker), and keeps of its result what
    other hosts need. It changes nothing.
  - It does not fail. Hosts that depend on a host that could not be read decide by C(image_cleanup_if_unknown).
extends_documentation_fragment:
  - imagewarden.docker.connection
  - imagewarden.docker.attributes.action
  - imagewarden.docker.attributes.no_diff
seealso:
  - module: imagewarden.docker.cleanup_union
  - module: imagewarden.docker.image_usage_info
"""

EXAMPLES = r"""
- name: Read what containers and services use
  imagewarden.docker.cleanup_use:
  register: image_cleanup__read
"""

RETURN = r"""
use:
  description: What is used, for M(imagewarden.docker.cleanup_union).
  returned: always
  type: str
  sample: '[[[["web-1",0,""],["shop:1.5","501d3c9ee6b7bf1d"]]],"",false]'
msg:
  description: How much is used, or why that is not known.
  returned: always
  type: str
  sample: 12 images in use
"""
