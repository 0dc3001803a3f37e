CREATE TABLE messages (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room    TEXT NOT NULL,
    author  TEXT NOT NULL,
    text    TEXT NOT NULL,
    -- What the author's browser calls it, so that it is kept once however often it is sent
    key     TEXT,
    written TEXT NOT NULL DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
);

CREATE INDEX messages_room ON messages (room, id);
CREATE UNIQUE INDEX messages_key ON messages (author, key);
