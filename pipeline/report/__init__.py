"""Tidy results of a profile -> tables, figures and one page. Reads text files only: no torch, no server."""
