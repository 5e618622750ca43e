"""Soda contracts as values."""
