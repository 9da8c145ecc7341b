"""Work without a caller: sending messages, expiring codes; in any number of processes."""
