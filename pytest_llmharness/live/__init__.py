"""Live engines: what answers on this machine, and a real server with a toy model for when nothing does.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""
