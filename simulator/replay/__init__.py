"""Replay: a recording served as an exchange of its own, so that workers read it as they read the real one."""
