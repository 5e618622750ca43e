"""The remote APIs: eBird, NOAA and USGS in shape, deterministic in content, faulty on request."""
