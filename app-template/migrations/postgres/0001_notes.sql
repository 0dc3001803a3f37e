CREATE TABLE notes (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author  TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    written TEXT    NOT NULL DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
);

INSERT INTO notes (author, text) VALUES
    ('Noor', 'Ask the printers about the blue paper'),
    ('Elif', 'Book the small room for Thursday, ten o''clock'),
    ('Jonas', 'The draft is on the shared drive: please read chapter two');
