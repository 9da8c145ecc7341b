-- Official notices, in every language.

CREATE TABLE notice (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    published_at TIMESTAMPTZ NOT NULL,
    until DATE NOT NULL,
    CONSTRAINT pk_notice PRIMARY KEY (id),
    CONSTRAINT uq_notice_name UNIQUE (name),
    CONSTRAINT ck_notice_name CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,31}$')
);
CREATE INDEX ix_notice_until ON notice (until);

CREATE TABLE notice_text (
    notice_id BIGINT NOT NULL,
    language TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_notice_text PRIMARY KEY (notice_id, language),
    CONSTRAINT fk_notice_text_notice_id FOREIGN KEY (notice_id)
        REFERENCES notice (id) ON DELETE CASCADE,
    CONSTRAINT ck_notice_text_language CHECK (language ~ '^[a-z]{2,3}(-[A-Z][a-z]{3})?$'),
    CONSTRAINT ck_notice_text_title CHECK (char_length(title) BETWEEN 1 AND 24),
    CONSTRAINT ck_notice_text_body CHECK (char_length(body) BETWEEN 1 AND 122)
);
