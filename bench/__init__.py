"""Measurements against what a person would do by hand; never part of the tests."""
