"""The version, in the one place where setup.py and the Agent both find it."""

__version__ = "0.1.0"
