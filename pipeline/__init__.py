"""A laboratory for comparing neural architectures; its design is in docs/architecture.md."""
