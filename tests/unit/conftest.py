# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A slow machine is no failure. In CI, a change is judged by the same cases each time.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("tests"), derandomize=True)
# What holds on one Python holds on the next, unless a line means something else there: few cases run each line.
settings.register_profile("brief", settings.get_profile("ci"), max_examples=10)
settings.load_profile(os.environ.get("IMAGEWARDEN_EXAMPLES") or ("ci" if os.environ.get("CI") else "tests"))
