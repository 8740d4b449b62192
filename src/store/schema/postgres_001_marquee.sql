-- Marquee's own schema. Nothing of the platform is touched.
CREATE SCHEMA IF NOT EXISTS marquee;

CREATE TABLE IF NOT EXISTS marquee.schema_steps (
  number int PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS marquee.meta (key text PRIMARY KEY, value text NOT NULL);
-- Generations are comparable within one lineage only.
INSERT INTO marquee.meta
SELECT 'lineage', (('x' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 15))::bit(60)::bigint | 1)::text
ON CONFLICT DO NOTHING;

-- Evidence that Marquee gathered: a row's status needs no trust where there is one.
-- `owner` is the installation or site that the claim was proved for.
CREATE TABLE IF NOT EXISTS marquee.proofs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_kind text NOT NULL CHECK (record_kind IN ('module_domain', 'site_domain')),
  record_id text NOT NULL,
  domain text NOT NULL,
  owner text NOT NULL,
  method text NOT NULL,
  evidence jsonb NOT NULL DEFAULT '{}',
  proven_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  UNIQUE (record_kind, record_id, domain, owner)
);

-- Work that one node at a time does: holder, expiry, and a number that only grows.
CREATE TABLE IF NOT EXISTS marquee.leases (
  name text PRIMARY KEY,
  holder text NOT NULL,
  fence bigint NOT NULL DEFAULT 0,
  expires_at timestamptz NOT NULL
);

-- The change feed. Numbers are given before they are committed, so that readers go
-- by xid: what was not yet visible in their last snapshot is new to them.
CREATE TABLE IF NOT EXISTS marquee.changes (
  generation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  what text NOT NULL,
  value text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS changes_xid ON marquee.changes (xid);
CREATE INDEX IF NOT EXISTS changes_at ON marquee.changes (at);

CREATE OR REPLACE FUNCTION marquee.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END $$;
