"""Scenarios for Make.com that work through this gateway, as files to import."""

from __future__ import annotations

from gateway.blueprints.fill import Blueprint, Unfit, catalogue, fill

__all__ = ["Blueprint", "Unfit", "catalogue", "fill"]
