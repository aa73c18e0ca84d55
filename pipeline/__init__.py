"""A laboratory for comparing neural architectures; DESIGN notes are in CONTRIBUTING.md."""
