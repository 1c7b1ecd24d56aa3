"""The REST side: the gate before all calls (limits, signature, faults), and the calls that read market and account or place orders."""
