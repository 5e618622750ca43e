"""Looks around in a project and writes down what it found as an `ops:` section."""
