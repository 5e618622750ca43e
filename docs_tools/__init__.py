"""Makes the pages of `docs/` that are rendered, and compares them with what is committed. No part of the package."""
