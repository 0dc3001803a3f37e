CREATE TABLE messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room    TEXT NOT NULL,
    author  TEXT NOT NULL,
    text    TEXT NOT NULL,
    -- What the author's browser calls it, so that it is kept once however often it is sent
    key     TEXT,
    written TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

CREATE INDEX messages_room ON messages (room, id);
CREATE UNIQUE INDEX messages_key ON messages (author, key);
