"""Work without a caller: sending messages, expiring codes; one loop, in any number of processes."""
