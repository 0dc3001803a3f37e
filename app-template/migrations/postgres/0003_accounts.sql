CREATE TABLE accounts (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     TEXT   NOT NULL,
    password TEXT   NOT NULL,
    is_staff BIGINT NOT NULL DEFAULT 0,
    joined   TEXT   NOT NULL DEFAULT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
);

CREATE UNIQUE INDEX accounts_name ON accounts (lower(name));
