"""What each process says of itself: words.py has what is said, state.py the files that it is written to, health.py what follows of it."""
