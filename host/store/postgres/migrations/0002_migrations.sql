-- Which migrations ran, and when; before, the ledger's row held the version alone.
CREATE TABLE migrations (
    version integer PRIMARY KEY,
    applied timestamptz NOT NULL DEFAULT now()
);

INSERT INTO migrations (version) VALUES (1);
ALTER TABLE ledger DROP COLUMN schema;
