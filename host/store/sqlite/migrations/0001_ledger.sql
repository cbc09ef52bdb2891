-- The ledger of one shard. Commits are the truth; records and hashes are derived from them and may lag behind.
CREATE TABLE commits (
    idx    INTEGER PRIMARY KEY, -- from 1, without gaps
    head   BLOB NOT NULL,
    tag    BLOB NOT NULL,
    blob   BLOB NOT NULL,
    bodies BLOB                 -- sealed request bodies; may be pruned
) STRICT;

CREATE TABLE records (
    key     BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    sealed  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE hashes (
    id   INTEGER PRIMARY KEY,   -- position in the log's storage order (RFC 6962 tree, tlog's numbering)
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE progress (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    derived INTEGER NOT NULL,   -- the newest commit that records and hashes reflect
    entries INTEGER NOT NULL    -- the log's size at that commit
) STRICT;

INSERT INTO progress (one, derived, entries) VALUES (1, 0, 0);
