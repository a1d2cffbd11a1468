"""Attacks: what a lesser user, a confined program or a crash must not be able to do.

`make attacks` runs them all, as root and as an ordinary user where it is root that runs it.
"""
