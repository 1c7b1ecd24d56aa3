"""Records on disk that are not yet someone else's responsibility: the spool, its files, and their damage."""
