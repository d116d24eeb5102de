"""Draws figures that were decided elsewhere (plots.py): JSON on stdin, SVG files into a folder.

    python bench/tools/draw.py FOLDER < figures.json

Runs in the environment of tools.txt and knows nothing of the bench. A line for each program, so
that names can be read; a panel beside the other for each number of callers or way; ours in one
colour, everybody else in grey. The same input gives the same file, byte by byte."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

OURS, THEIRS, RANGE, INK, GRID = "#0f766e", "#9aa3b0", "#334155", "#1f2937", "#e5e7eb"
PANEL_INCHES, BAR_INCHES, FRAME_INCHES, NAME_INCHES = 2.9, 0.27, 1.15, 1.9
STYLE = {
    "svg.fonttype": "none",  # text stays text: smaller, and it can be searched
    "svg.hashsalt": "keybrake",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def draw(figure: dict[str, Any], folder: Path) -> None:
    panels = figure["panels"]
    labels = list(dict.fromkeys(bar["label"] for panel in panels for bar in panel["bars"]))
    size = (
        NAME_INCHES + PANEL_INCHES * len(panels),
        FRAME_INCHES + BAR_INCHES * len(labels),
    )
    drawn, axes = pyplot.subplots(
        1, len(panels), figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    drawn.suptitle(figure["title"], fontweight="bold")
    for axis, panel in zip(axes[0], panels, strict=True):
        draw_panel(axis, panel, labels, log=figure["log"])
        axis.set_xlabel(figure["unit"])
    drawn.savefig(folder / f"{figure['name']}.svg", metadata={"Date": None, "Creator": None})
    pyplot.close(drawn)


def draw_panel(axis: Any, panel: dict[str, Any], labels: list[str], *, log: bool) -> None:
    """A logarithm has no zero for a bar to begin at: there it is dots."""
    bars = {bar["label"]: bar for bar in panel["bars"]}
    shown = [bars[label] for label in labels if label in bars]
    for bar in shown:
        place = labels.index(bar["label"])
        colour = OURS if bar["label"].startswith("keybrake") else THEIRS
        axis.plot((bar["least"], bar["most"]), (place, place), color=RANGE, linewidth=1)
        if log:
            axis.plot(bar["value"], place, "o", color=colour, markersize=6, zorder=3)
        else:
            axis.barh(place, bar["value"], color=colour, height=0.7)
        axis.annotate(
            f"{bar['value']:,.3g}" if bar["value"] < 1000 else f"{bar['value']:,.0f}",
            (bar["most"], place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.set_title(panel["title"], fontsize=9)
    axis.spines[["top", "right", "left"]].set_visible(False)
    if log:
        axis.set_xscale("log")
        axis.grid(axis="y", color=GRID)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.margins(x=0.2)


def main() -> None:
    folder = Path(sys.argv[1])
    with pyplot.rc_context(STYLE):
        for figure in json.load(sys.stdin):
            draw(figure, folder)


if __name__ == "__main__":
    main()
