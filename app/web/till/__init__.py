"""The agent's pages: sign-in, the till, the day and reversals."""
