"""Files that outlive a process: the spool and its damage, dead letters, what it remembers, and what processes of a host share by locks."""
