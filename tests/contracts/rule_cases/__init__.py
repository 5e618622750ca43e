"""The tables of tests/contracts/test_rules.py: name, old version, new version, the rules that are told."""
