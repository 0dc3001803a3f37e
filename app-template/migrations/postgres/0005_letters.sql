CREATE TABLE letters (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    TEXT NOT NULL,
    email   TEXT NOT NULL,
    topic   TEXT NOT NULL,
    message TEXT NOT NULL,
    written TEXT NOT NULL DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
);

CREATE INDEX letters_email ON letters (email);
