"""From the bus to the sinks: lanes, which carry records directly or through the disk, and what they tell of themselves."""
