CREATE TABLE notes (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    author  TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    written TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

INSERT INTO notes (author, text) VALUES
    ('Noor', 'Ask the printers about the blue paper'),
    ('Elif', 'Book the small room for Thursday, ten o''clock'),
    ('Jonas', 'The draft is on the shared drive: please read chapter two');
