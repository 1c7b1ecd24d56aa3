"""What each process says of itself, and what follows: words.py is said, state.py where it lies, health.py what it comes to."""
