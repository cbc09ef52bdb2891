-- The ledger of one shard. Commits are the truth; records and hashes follow from them, in the same transaction.
CREATE TABLE ledger (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    schema  integer NOT NULL,
    newest  bigint  NOT NULL,           -- the newest commit
    entries bigint  NOT NULL            -- the log's size then
);

CREATE TABLE commits (
    idx    bigint PRIMARY KEY,          -- from 1, without gaps
    head   bytea NOT NULL,
    tag    bytea NOT NULL,
    blob   bytea NOT NULL,
    bodies bytea                        -- sealed request bodies; may be pruned
);

CREATE TABLE records (
    key     bytea PRIMARY KEY,
    version bigint NOT NULL,
    hash    bytea NOT NULL,
    sealed  bytea NOT NULL
);

CREATE TABLE hashes (
    id   bigint PRIMARY KEY,            -- position in the log's storage order (RFC 6962 tree, tlog's numbering)
    hash bytea NOT NULL
);

INSERT INTO ledger (schema, newest, entries) VALUES (1, 0, 0);
