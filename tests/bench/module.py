# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One module in a process of its own, without Ansible's start: python -m tests.bench.module NAME ARGUMENTS, as JSON.

It shows what of a task's time is the module's own.
"""

from __future__ import annotations

import json
import sys

# Makes the collection importable.
import conftest  # noqa: F401  pylint: disable=unused-import
from tests.integration.module_run import run_module


def main() -> int:
    result = run_module(sys.argv[1], json.loads(sys.argv[2]))
    if result["failed"]:
        print(result["msg"])
    return int(result["failed"])


if __name__ == "__main__":
    sys.exit(main())
