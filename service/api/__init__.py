"""Assemble the HTTP application: every dialect, the operator's routes, the pages."""
