# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the demo and draws its audit, as a terminal shows it, for the README: docs/images/audit-light.svg and -dark.svg."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from demo.show import COLUMNS, ROOT

IMAGES = ROOT / "docs" / "images"

#: As this file has it.
NOTICE = [line[2:] for line in Path(__file__).read_text(encoding="utf-8").splitlines()[:3]]

Colour = tuple[int, int, int]
_LIGHT: list[Colour] = [(36, 41, 47), (207, 34, 46), (17, 99, 41), (154, 103, 0), (9, 105, 218)]
_LIGHT += [(130, 80, 223), (27, 124, 131), (87, 96, 106)]
_DARK: list[Colour] = [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255)]
_DARK += [(188, 140, 255), (57, 197, 207), (177, 186, 196)]
THEMES = {
    "light": TerminalTheme((246, 248, 250), (36, 41, 47), _LIGHT, _LIGHT),
    "dark": TerminalTheme((22, 27, 34), (230, 237, 243), _DARK, _DARK),
}


def main() -> int:
    demo = subprocess.run(
        [sys.executable, "-m", "demo.show"],
        cwd=ROOT,
        env={**os.environ, "FORCE_COLOR": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    IMAGES.mkdir(exist_ok=True)
    for name, theme in THEMES.items():
        path = IMAGES / f"audit-{name}.svg"
        path.write_text(draw(audit_of(demo.stdout), theme))
        print(path.relative_to(ROOT))
    return 0


def audit_of(output: str) -> str:
    """What the demo prints of the audit, from its command on."""
    section = output.partition("== Audit")[2].partition("\n\x1b[1m==")[0]
    # The demo's own directory, which is another one each time.
    return re.sub(r"/\S+/demo/audit/", "reports/", section.partition("\n")[2]).strip() + "\n"


def draw(output: str, theme: TerminalTheme) -> str:
    """The output as an SVG that loads nothing from elsewhere."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(width=COLUMNS, record=True, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(output), soft_wrap=True)
        drawn = console.export_svg(title="an audit", theme=theme, unique_id="audit")
    before, _fonts, rest = drawn.partition("@font-face")
    drawn = before + rest[rest.index(".audit-matrix") :].replace("Fira Code, monospace", "ui-monospace, monospace")
    return finish(drawn)


def finish(drawn: str) -> str:
    """The notice that every file has, and no white space at the ends of lines."""
    lines = [line.rstrip() for line in drawn.splitlines()]
    return "\n".join([lines[0], "<!--", *NOTICE, "-->", *lines[1:]]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
