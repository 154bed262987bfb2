"""Figures and pages of a comparison and of a history."""
