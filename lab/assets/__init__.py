"""What is rendered for Datadog: `make assets`.

metadata    metadata.csv, from the catalogue
monitors    from assets/sources/monitors.yaml
dashboards  from the other files in assets/sources
files       all of these, and the manifest that lists them
"""
