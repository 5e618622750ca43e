"""What the stack should hold, computed without it, and how it differs."""
