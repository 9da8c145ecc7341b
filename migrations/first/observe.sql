-- Hops of dialogues, for the funnel and for recording dialogues.

CREATE TABLE hop (
    session TEXT NOT NULL,
    revision INTEGER NOT NULL,
    how TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    gateway TEXT NOT NULL,
    language TEXT NOT NULL,
    inputs TEXT NOT NULL,
    screen TEXT NOT NULL,
    more BOOLEAN NOT NULL,
    CONSTRAINT pk_hop PRIMARY KEY (session, revision, how)
);
CREATE INDEX ix_hop_at ON hop (at);
