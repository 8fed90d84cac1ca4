"""Annotation tools that ask a running `segue serve`: CVAT and Label Studio."""
